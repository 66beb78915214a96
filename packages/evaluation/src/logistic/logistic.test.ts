import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import type { LabelledFeatures } from "../feature-matrix.ts";
import { choleskyInPlace, solveCholesky } from "./cholesky.ts";
import { minimize } from "./lbfgs.ts";
import { wolfeSearch } from "./line-search.ts";
import { logisticLogits, type LogisticModel, LogisticRegression, OFFICIAL_CS } from "./logistic-regression.ts";
import { addProductOfColumns, createMatrix64, productWithRows } from "./products.ts";

const random = RandomStream.fromSeed(4);
const normals = (length: number) => Float64Array.from({ length }, () => random.normal());

describe("products", () => {
  it("are those of a triple loop", () => {
    const [x, p] = [createMatrix64(7, 5), createMatrix64(7, 3)];
    x.values.set(normals(x.values.length));
    const weight = normals(p.columns * x.columns);
    productWithRows(x, weight, p);
    const out = new Float64Array(weight.length);
    addProductOfColumns(p, x, out);
    for (let k = 0; k < p.columns; k++) {
      const row = Array.from({ length: x.rows }, (_, n) => {
        const expected = Array.from({ length: x.columns }, (_, d) => x.values[n * x.columns + d]! * weight[k * x.columns + d]!).reduce((a, b) => a + b);
        expect(p.values[n * p.columns + k]).toBeCloseTo(expected, 12);
        return p.values[n * p.columns + k]!;
      });
      for (let d = 0; d < x.columns; d++) {
        expect(out[k * x.columns + d]).toBeCloseTo(row.reduce((sum, value, n) => sum + value * x.values[n * x.columns + d]!, 0), 12);
      }
    }
  });
});

describe("choleskyInPlace", () => {
  it("solves A x = b for A = B Bᵀ + 1", () => {
    const size = 6;
    const b = normals(size * size);
    const matrix = Float64Array.from({ length: size * size }, (_, place) => {
      const [i, j] = [Math.floor(place / size), place % size];
      return Array.from({ length: size }, (_, k) => b[i * size + k]! * b[j * size + k]!).reduce((sum, value) => sum + value, i === j ? 1 : 0);
    });
    const right = normals(size);
    const [lower, x] = [matrix.slice(), right.slice()];
    choleskyInPlace(lower, size);
    solveCholesky(lower, size, x);
    for (let i = 0; i < size; i++) expect(x.reduce((sum, value, j) => sum + matrix[i * size + j]! * value, 0)).toBeCloseTo(right[i]!, 10);
  });
});

describe("wolfeSearch", () => {
  // Functions along a line with a minimum far right of the first step, left of it, and behind a wall.
  it.each([
    ["far", (t: number) => [(t - 40) ** 2, 2 * (t - 40)]],
    ["near", (t: number) => [(t - 0.01) ** 2, 2 * (t - 0.01)]],
    ["walled", (t: number) => (t < 0.5 ? [-t - 0.1 * Math.log(1 - 2 * t), -1 + 0.2 / (1 - 2 * t)] : [Infinity, NaN])],
    ["waved", (t: number) => [-t / 4 + Math.sin(3 * t) ** 2 - 0.1 * t, -0.35 + 3 * Math.sin(6 * t)]],
  ] as const)("ends where f is lower and flatter: %s", (_, f) => {
    const at = (step: number) => ({ step, value: f(step)[0]!, slope: f(step)[1]! });
    const [start, found] = [at(0), wolfeSearch(at, at(0), 1)];
    expect(found!.value).toBeLessThanOrEqual(start.value + 1e-4 * found!.step * start.slope);
    expect(Math.abs(found!.slope)).toBeLessThanOrEqual(0.9 * Math.abs(start.slope));
  });
});

describe("minimize", () => {
  it("follows Rosenbrock's curved valley to its end at (1, 1)", () => {
    const rosenbrock = {
      evaluate([a, b]: Float64Array, gradient: Float64Array) {
        gradient.set([-2 * (1 - a!) - 400 * a! * (b! - a! ** 2), 200 * (b! - a! ** 2)]);
        return (1 - a!) ** 2 + 100 * (b! - a! ** 2) ** 2;
      },
      precondition: () => {},
    };
    const { x, iterations } = minimize(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 200, tolerance: 1e-12 });
    expect([...x].map((element) => Math.abs(element - 1) < 1e-6)).toEqual([true, true]);
    expect(iterations).toBeLessThan(60);
  });
});

/** Features far from 0 whose columns differ in scale, some of them copies of others. */
function examples(count: number, width: number, classes: number): LabelledFeatures {
  const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
  const values = Float32Array.from({ length: count * width }, (_, i) => 5 + 10 ** -(i % 3) * (random.normal() + ((i % width) % classes === labels[Math.floor(i / width)] ? 1 : 0)));
  for (let i = 0; i < values.length; i += width) values[i + 1] = values[i]!;
  return { features: { count, width, values }, labels };
}

/** The gradient of ½ ‖W‖² + C Σ cross-entropy by W and by the biases, of features as they are. */
function gradient({ features: { count, width, values }, labels }: LabelledFeatures, { weights, classCount }: LogisticModel, logits: Float64Array, c: number) {
  const stride = weights.length / classCount;
  return Array.from({ length: classCount }, (_, k) => {
    const byWeight = Array.from({ length: width }, (_, d) => weights[k * stride + d]!);
    let byBias = 0;
    for (let row = 0; row < count; row++) {
      const ofRow = logits.subarray(row * classCount, (row + 1) * classCount);
      const probability = Math.exp(ofRow[k]!) / ofRow.reduce((sum, logit) => sum + Math.exp(logit), 0);
      const error = c * (probability - (labels[row] === k ? 1 : 0));
      byBias += error;
      for (let d = 0; d < width; d++) byWeight[d]! += error * values[row * width + d]!;
    }
    return [...byWeight, byBias];
  }).flat();
}

describe("LogisticRegression", () => {
  it.each([1e-6, 0.01, 1, 1000])("finds where the gradient vanishes, C %d", (c) => {
    const data = examples(90, 7, 3);
    const { model } = new LogisticRegression(data, 3).fit(c);
    const atStart = gradient(data, { ...model, weights: model.weights.map(() => 0) }, new Float64Array(270), c);
    const atEnd = gradient(data, model, logisticLogits(model, data.features), c);
    expect(Math.hypot(...atEnd)).toBeLessThan(1e-5 * Math.hypot(...atStart));
  });

  it("finds the same optimum from another's as from nothing, in fewer steps", () => {
    const data = examples(60, 6, 4);
    const regression = new LogisticRegression(data, 4);
    const [cold, near] = [regression.fit(2), regression.fit(1.8)];
    const warm = regression.fit(2, { from: near.model });
    const [a, b] = [cold, warm].map(({ model }) => logisticLogits(model, data.features));
    expect(a!.reduce((most, logit, i) => Math.max(most, Math.abs(logit - b![i]!)), 0)).toBeLessThan(1e-4);
    expect(warm.iterations).toBeLessThan(cold.iterations);
  });

  it("gives two classes at -1 and 1 the weight that solves w = C N / (1 + e^(2w)) each, and no bias", () => {
    const [c, count] = [0.25, 8];
    const features = { count, width: 1, values: Float32Array.from({ length: count }, (_, i) => (i % 2) * 2 - 1) };
    const { model } = new LogisticRegression({ features, labels: Int32Array.from(features.values, (x) => (x + 1) / 2) }, 2).fit(c);
    let [low, high] = [0, 10];
    while (high - low > 1e-12) {
      const w = (low + high) / 2;
      if (w < (c * count) / (1 + Math.exp(2 * w))) low = w;
      else high = w;
    }
    expect(Array.from(model.weights)).toEqual([-low, 0, low, 0].map((weight) => expect.closeTo(weight, 6) as number));
  });
});

it("tries 45 values of C from 1e-6 to 1e5", () => {
  expect([OFFICIAL_CS.length, OFFICIAL_CS[0], OFFICIAL_CS[24], OFFICIAL_CS[44]]).toEqual([45, 1e-6, 1, 1e5]);
});
