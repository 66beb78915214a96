// The engine's kernels beside the definitions in TypeScript: the same float64 numbers but for the order of sums.

import { RandomStream } from "@dinov2/foundation";
import { availableBackends, float64Tensor, float64Values, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import type { LabelledFeatures } from "../feature-matrix.ts";
import { EngineRowLoss } from "./engine-row-loss.ts";
import { logisticLogits, LogisticRegression } from "./logistic-regression.ts";
import { PortableRowLoss } from "./portable-row-loss.ts";

const reason = (await availableBackends()).find(({ name }) => name === "libtorch")!.reason;
if (reason !== undefined) console.log(`skipped: logistic regression on libtorch, as ${reason}`);

const random = RandomStream.fromSeed(8);
const normals = (length: number) => Float64Array.from({ length }, () => random.normal());

function examples(count: number, width: number, classes: number): LabelledFeatures & { readonly mean: Float64Array } {
  const values = Float32Array.from({ length: count * width }, (_, i) => 3 + random.normal() * (1 + (i % width)));
  const mean = Float64Array.from({ length: width }, (_, d) => Array.from({ length: count }, (_, n) => values[n * width + d]!).reduce((a, b) => a + b) / count);
  return { features: { count, width, values }, labels: Int32Array.from({ length: count }, () => random.integer(classes)), mean };
}

/** The largest difference, as a share of the largest number. */
function difference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const largest = (values: Iterable<number>) => Math.max(0, ...[...values].map(Math.abs));
  return a.length === b.length ? largest(Array.from(a, (x, i) => x - b[i]!)) / largest(Array.from(b)) : Infinity;
}

describe.skipIf(reason)("EngineRowLoss", () => {
  beforeAll(() => useBackend({ name: "libtorch" }));

  // One number of each, sizes that leave a rest in every vector, block and part, and more rows than there are parts.
  it.each([[1, 1, 1], [2, 1, 2], [7, 5, 3], [64, 8, 8], [1031, 67, 13], [40, 300, 41]])("is PortableRowLoss, %d rows of %d, %d classes", (count, width, classes) => {
    const { mean, ...train } = examples(count, width, classes);
    using engine = new EngineRowLoss(train, mean);
    using portable = new PortableRowLoss(train, mean, classes);
    const weights = normals(classes * (width + 1)).map((weight) => weight / width);
    const [ours, theirs] = [engine, portable].map((loss) => {
      const gradient = new Float64Array(weights.length);
      const { loss: sum, uncertainty } = loss.evaluate(weights, gradient);
      const solver = loss.factorGram(0.3 / count, loss.gramDiagonal().map((_, i) => 0.5 + i / width));
      const solved = weights.slice();
      solver.solve(solved);
      solver[Symbol.dispose]();
      return { sums: [sum, uncertainty], gradient, diagonal: loss.gramDiagonal(), solved };
    });
    for (const part of ["sums", "gradient", "diagonal", "solved"] as const) {
      const zero = theirs![part].every((value) => Math.abs(value) < 1e-12);
      // Solving multiplies rounding by the matrix' condition, some hundreds here.
      const allowed = part === "solved" ? 1e-10 : 1e-12;
      if (zero) expect(Math.max(...[...ours![part]].map(Math.abs)), part).toBeLessThan(allowed);
      else expect(difference(ours![part], theirs![part]), part).toBeLessThan(allowed);
    }
  });

  it("leaves nothing behind, in TF.js' counts and in LibTorch's", () => {
    const train = examples(50, 6, 3);
    const native = () => (tf.backend() as unknown as { nativeMemory(): { tensors: number; bytes: number } }).nativeMemory();
    const before = { numTensors: tf.memory().numTensors, numBytes: tf.memory().numBytes, ...native() };
    {
      using regression = new LogisticRegression(train, 3);
      const first = regression.fit(1).model;
      const held = { numTensors: tf.memory().numTensors, ...native() };
      expect(held.bytes - before.bytes).toBe(4 * 50 * 6 + 4 * 50 + 8 * 6 + 8 * 7 * 7);
      regression.fit(2, { from: first });
      expect({ numTensors: tf.memory().numTensors, ...native() }).toEqual(held);
    }
    expect({ numTensors: tf.memory().numTensors, numBytes: tf.memory().numBytes, ...native() }).toEqual(before);
  });

  it("refuses labels that are no class, and a matrix that is not positive definite", () => {
    const { mean, ...train } = examples(50, 6, 3);
    using right = new EngineRowLoss(train, mean);
    expect(() => right.factorGram(-1, new Float64Array(7))).toThrow("row 0 makes the matrix not positive definite");
    using wrong = new EngineRowLoss({ ...train, labels: train.labels.map((label) => label + 1) }, mean);
    expect(() => wrong.evaluate(normals(21), new Float64Array(21))).toThrow("a label is no class");
  });

  it("leads to the same optimum", async () => {
    const train = examples(300, 9, 4);
    const logits = async (name: "libtorch" | "cpu") => {
      await useBackend({ name });
      using regression = new LogisticRegression(train, 4);
      return logisticLogits(regression.fit(10).model, train.features);
    };
    expect(difference(await logits("libtorch"), await logits("cpu"))).toBeLessThan(1e-5);
    await useBackend({ name: "libtorch" });
  });
});

it("float64 numbers go through a tensor unchanged", () => {
  const values = Float64Array.of(1 / 3, -0, Infinity, 5e-324, 2 ** 60 + 2 ** 8);
  const tensor = float64Tensor(values, [5]);
  expect(tensor.shape).toEqual([5, 2]);
  expect(float64Values(tensor)).toEqual(values);
  tensor.dispose();
});
