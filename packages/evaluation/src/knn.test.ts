import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { createFeatureMatrix, type LabelledFeatures } from "./feature-matrix.ts";
import { knnClassify, possibleKs, voteWeights } from "./knn.ts";
import { nearestNeighbours } from "./nearest-neighbours.ts";

/** `count` rows around one of `classes` random directions each, row i in class i % classes. */
function clusters(count: number, width: number, classes: number, spread: number, seed: number): LabelledFeatures {
  const random = RandomStream.fromSeed(seed);
  const centres = Array.from({ length: classes * width }, (_, i) => RandomStream.fromSeed(99).split(i).normal());
  const features = createFeatureMatrix(count, width);
  const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
  for (let i = 0; i < features.values.length; i++) {
    const centre = centres[labels[Math.floor(i / width)]! * width + (i % width)]!;
    features.values[i] = centre + spread * random.normal();
  }
  return { features, labels };
}

beforeAll(() => useBackend({ name: "cpu" }));

describe("nearestNeighbours", () => {
  it("finds by blocks what a double loop finds, for rows of any length", async () => {
    const bank = clusters(61, 9, 4, 2, 1).features;
    const queries = clusters(13, 9, 4, 2, 2).features;
    const found = await nearestNeighbours(bank, queries, 6, { bankBlock: 16, queryBlock: 5 });
    const row = (of: typeof bank, i: number) => of.values.subarray(i * 9, (i + 1) * 9);
    const cosine = (a: Float32Array, b: Float32Array) => {
      const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
      return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
    };
    for (let query = 0; query < 13; query++) {
      const similarities = Array.from({ length: 61 }, (_, i) => cosine(row(queries, query), row(bank, i)));
      const order = [...similarities.keys()].sort((a, b) => similarities[b]! - similarities[a]!).slice(0, 6);
      expect([...found.indices.subarray(query * 6, query * 6 + 6)]).toEqual(order);
    }
  });

  it("leaves no tensor behind", async () => {
    const { features } = clusters(40, 8, 4, 1, 3);
    const before = tf.memory().numTensors;
    await nearestNeighbours(features, features, 3, { bankBlock: 16 });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("refuses a k above the bank and widths that differ", async () => {
    const [narrow, wide] = [clusters(5, 8, 2, 1, 1).features, clusters(5, 9, 2, 1, 1).features];
    await expect(nearestNeighbours(narrow, narrow, 6)).rejects.toThrow("k is 6, but the bank has 5 rows");
    await expect(nearestNeighbours(narrow, wide, 2)).rejects.toThrow("width 9");
  });
});

describe("voteWeights", () => {
  it("is a softmax over all neighbours, of which a smaller k takes the first as they are", () => {
    const neighbours = { queryCount: 1, k: 3, indices: Int32Array.of(0, 1, 2), similarities: Float32Array.of(0.7, 0, -0.7) };
    const [a, b, c] = voteWeights(neighbours, 0.7);
    const sum = Math.exp(1) + 1 + Math.exp(-1); // 0.7 in single precision is 0.7 within 3e-8
    expect(a).toBeCloseTo(Math.exp(1) / sum, 6);
    expect(b).toBeCloseTo(1 / sum, 6);
    expect(c).toBeCloseTo(Math.exp(-1) / sum, 6);
  });
});

describe("knnClassify", () => {
  it("tells well separated classes apart and is at chance on shuffled labels", async () => {
    const [train, test] = [clusters(200, 16, 10, 0.1, 1), clusters(50, 16, 10, 0.1, 2)];
    const [{ top1, predictions } = { top1: 0, predictions: null }] = await knnClassify(train, test, { ks: [5] });
    expect(top1).toBe(1);
    expect(predictions).toEqual(test.labels);
    const labels = RandomStream.fromSeed(5).shuffle(train.labels.slice());
    const [shuffled] = await knnClassify({ ...train, labels }, test, { ks: [20] });
    expect(shuffled!.top1).toBeLessThan(0.35);
  });

  it("answers each possible k once, ascending, and the size of the bank when none is", () => {
    expect(possibleKs([20, 10, 20, 200], 100)).toEqual([10, 20]);
    expect(possibleKs([10, 20], 4)).toEqual([4]);
  });

  it("lets one very near neighbour outvote two less near ones at a low temperature, and not at a high one", async () => {
    // Cosines with the test row: 1, 0.8, 0.8.
    const train = { features: { count: 3, width: 2, values: Float32Array.of(1, 0, 4, 3, 4, -3) }, labels: Int32Array.of(0, 1, 1) };
    const test = { features: { count: 1, width: 2, values: Float32Array.of(1, 0) }, labels: Int32Array.of(0) };
    const predicted = async (temperature?: number) => {
      const [score] = await knnClassify(train, test, { ks: [3], ...(temperature !== undefined && { temperature }) });
      return score!.predictions[0];
    };
    expect([await predicted(), await predicted(0.07), await predicted(1)]).toEqual([0, 0, 1]);
  });

  it("counts the lower class first where votes tie", async () => {
    const features = { count: 4, width: 2, values: Float32Array.of(1, 0, 1, 0, 0, 1, 0, 1) };
    const train = { features, labels: Int32Array.of(2, 1, 0, 0) };
    const test = { features: { count: 1, width: 2, values: Float32Array.of(3, 0) }, labels: Int32Array.of(2) };
    const [score] = await knnClassify(train, test, { ks: [2] });
    expect([...score!.predictions]).toEqual([1]);
    expect([score!.top1, score!.top5]).toEqual([0, 1]);
  });
});
