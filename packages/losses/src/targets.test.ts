// Both ways to turn teacher logits into targets: centering and Sinkhorn-Knopp.
import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { centeredSoftmax, initialCenter, updateCenter } from "./centering.ts";
import { largestDifference, randomRows, sinkhornDefinition, softmax } from "./definitions.ts";
import { sinkhornKnopp } from "./sinkhorn-knopp.ts";

describe.each(["cpu", "wasm"] as const)("centering on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("gives softmax((logits - center) / temperature)", () => {
    const logits = randomRows(RandomStream.fromSeed(6), 4, 5);
    const center = [0.3, -0.2, 0, 0.1, 1];
    const expected = logits.map((row) => softmax(row.map((logit, k) => (logit - center[k]!) / 0.04)));
    const got = centeredSoftmax(tf.tensor2d(logits), tf.tensor2d([center]), 0.04).dataSync();
    expect(largestDifference(got, expected)).toBeLessThan(2e-6);
  });

  it("moves the center a tenth of the way to the batch mean at momentum 0.9", () => {
    const next = updateCenter(tf.tensor2d([[1, 0]]), tf.tensor2d([[3, 2], [5, 4]]), 0.9);
    expect(largestDifference(next.dataSync(), [[0.9 + 0.4, 0.3]])).toBeLessThan(1e-6);
  });

  it("takes away what all batches share: a prototype that is always ahead stops winning", () => {
    const logits = tf.tensor2d([[1, 0], [1, 0]]);
    let center = initialCenter(2);
    for (let step = 0; step < 200; step++) center = updateCenter(center, logits, 0.9);
    const targets = centeredSoftmax(logits, center, 0.04).dataSync();
    expect(largestDifference(targets, [[0.5, 0.5], [0.5, 0.5]])).toBeLessThan(1e-4);
  });

  it("keeps the center when there is no row", () => {
    const center = tf.tensor2d([[1, 2]]);
    expect([...updateCenter(center, tf.zeros([0, 2]), 0.9).dataSync()]).toEqual([1, 2]);
  });

  it("leaves no tensor behind but its results", () => {
    const [logits, center] = [tf.tensor2d([[1, 2]]), initialCenter(2)];
    const before = tf.memory().numTensors;
    tf.dispose([centeredSoftmax(logits, center, 0.1), updateCenter(center, logits, 0.9)]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe.each(["cpu", "wasm"] as const)("Sinkhorn-Knopp on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it.each([1, 3])("after %i iterations is the float64 definition", (iterations) => {
    const logits = randomRows(RandomStream.fromSeed(7), 8, 5, 0.1);
    const got = sinkhornKnopp(tf.tensor2d(logits), 0.05, iterations).dataSync();
    expect(largestDifference(got, sinkhornDefinition(logits, 0.05, iterations))).toBeLessThan(1e-6);
  });

  it("gives each row mass 1, and each prototype nearly R / K", () => {
    const assignment = sinkhornKnopp(tf.tensor2d(randomRows(RandomStream.fromSeed(8), 12, 4, 0.1)), 0.05);
    for (const mass of tf.sum(assignment, 1).dataSync()) expect(mass).toBeCloseTo(1, 5);
    for (const share of tf.sum(assignment, 0).dataSync()) expect(Math.abs(share - 3)).toBeLessThan(0.3);
  });

  it("stays finite where exp(logit / temperature) overflows float32", () => {
    const assignment = sinkhornKnopp(tf.tensor2d([[40, 0], [0, 40]]), 0.04).dataSync();
    expect(largestDifference(assignment, [[1, 0], [0, 1]])).toBeLessThan(1e-6);
  });
});
