// Float64 kernels: the same bits on one thread and on two, and what LibTorch's own ops give, as a GPU runs them.
import { float64Tensor, float64Values, RandomStream, runFloat64, tf } from "@dinov2/tensor";
import { describe, expect, it } from "vitest";
import { missing, start } from "../index.ts";

const absent = await missing();
const random = RandomStream.fromSeed(9);
const normals = (length: number) => Float64Array.from({ length }, () => random.normal());

// More rows than a block and than the parts of a sum, and sizes that leave a rest in every vector and tile.
const [rows, width, classes] = [2039, 131, 35];
const x = Float32Array.from(normals(rows * width));
const labels = Int32Array.from({ length: rows }, () => random.integer(classes));
const [mean, weights, right] = [normals(width), normals(classes * (width + 1)).map((weight) => weight / 10), normals(classes * (width + 1))];

function results(): Float64Array[] {
  let values: Float64Array[] = [];
  tf.tidy(() => {
    const inputs = { x: tf.tensor2d(x, [rows, width]), mean: float64Tensor(mean, [width]) };
    const ofWeights = { labels: tf.tensor1d(labels, "int32"), weights: float64Tensor(weights, [classes, width + 1]) };
    const loss = runFloat64("SoftmaxRegression", { ...inputs, ...ofWeights }, {});
    const [gram] = runFloat64("CentredGram", inputs, {});
    const [lower] = runFloat64("CholeskyFactor", { matrix: gram! }, { scale: 1 / rows, added: new Float64Array(width + 1).fill(0.1) });
    const [solution] = runFloat64("CholeskySolve", { lower: lower!, right: float64Tensor(right, [classes, width + 1]) }, {});
    values = [...loss, solution!].map(float64Values);
  });
  return values;
}

const difference = (a: Float64Array, b: Float64Array) => a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / Math.max(...b.map(Math.abs));

describe.skipIf(absent)("float64 kernels", () => {
  it("give the same loss and gradient, to the bit, on one thread and on two", async () => {
    await start({ device: "cpu", threads: 1 });
    const one = results();
    await start({ device: "cpu", threads: 2 });
    expect(results().slice(0, 2)).toEqual(one.slice(0, 2));
  });

  it("give with our loops what LibTorch's own ops give", async () => {
    await start({ device: "cpu", processorLoops: true });
    const ours = results();
    await start({ device: "cpu", processorLoops: false });
    const [sums, gradient, solution] = results().map((values, i) => difference(ours[i]!, values));
    expect([sums! < 1e-13, gradient! < 1e-12, solution! < 1e-11], String([sums, gradient, solution])).toEqual([true, true, true]);
  });
});
