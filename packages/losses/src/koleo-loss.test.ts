import { l2Normalize, RandomStream, tf, useBackend, type Tensor2D } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { finiteDifferences, koleoDefinition, largestDifference, randomRows } from "./definitions.ts";
import { koleoLoss, nearestNeighbours } from "./koleo-loss.ts";

const valueOf = (rows: number[][]) => koleoLoss(tf.tensor2d(rows)).dataSync()[0]!;
const gradientOf = (rows: number[][]) => tf.grad((x) => koleoLoss(x as Tensor2D))(tf.tensor2d(rows)).dataSync();

describe.each(["cpu", "wasm"] as const)("KoLeo loss on %s", (backend) => {
  beforeAll(() => useBackend({ name: backend }));

  it("of two directions at a right angle is -log sqrt 2, whatever their lengths", () => {
    expect(valueOf([[1, 0], [0, 1]])).toBeCloseTo(-Math.log(Math.SQRT2), 6);
    expect(valueOf([[9, 0], [0, 0.2]])).toBeCloseTo(-Math.log(Math.SQRT2), 6);
  });

  it("of two opposite directions is -log 2, the least there is for a pair", () => {
    expect(valueOf([[3, 4], [-3, -4]])).toBeCloseTo(-Math.log(2), 6);
  });

  it("is the float64 definition on random features", () => {
    const features = randomRows(RandomStream.fromSeed(3), 9, 12);
    expect(Math.abs(valueOf(features) - koleoDefinition(features, 1e-8))).toBeLessThan(1e-6);
  });

  it("has the gradient of finite differences on the float64 definition, through both ends of a pair", () => {
    const features = randomRows(RandomStream.fromSeed(4), 6, 5);
    const expected = finiteDifferences((rows) => koleoDefinition(rows, 1e-8), features);
    expect(largestDifference(gradientOf(features), expected)).toBeLessThan(1e-6);
  });

  it("of two equal rows stays finite: each component's epsilon makes their distance sqrt(D) epsilon", () => {
    const twins = [[0.6, 0.8, 0, 0], [0.6, 0.8, 0, 0]];
    expect(valueOf(twins)).toBeCloseTo(-Math.log(2 * 1e-8 + 1e-8), 3);
    expect([...gradientOf(twins)].every(Number.isFinite)).toBe(true);
  });

  it("of three equal rows and of a row of zeros has a finite gradient", () => {
    expect([...gradientOf([[1, 1], [1, 1], [1, 1]])].every(Number.isFinite)).toBe(true);
    expect([...gradientOf([[0, 0], [1, 0], [0, 1]])].every(Number.isFinite)).toBe(true);
  });

  it("of fewer than two rows is 0 with zero gradient", () => {
    expect(valueOf([[1, 2, 3]])).toBe(0);
    expect([...gradientOf([[1, 2, 3]])]).toEqual([0, 0, 0]);
    expect(koleoLoss(tf.zeros([0, 4])).dataSync()[0]).toBe(0);
  });

  it("never takes a row as its own neighbour, and the first of equals", () => {
    const unit = l2Normalize(tf.tensor2d([[1, 0], [-1, 0], [0, 1], [0, 1], [0, 1]]), 1e-8);
    expect([...nearestNeighbours(unit)]).toEqual([2, 2, 3, 2, 2]);
  });

  it("leaves no tensor behind but its value and its gradient", () => {
    const features = tf.tensor2d(randomRows(RandomStream.fromSeed(5), 4, 3));
    const before = tf.memory().numTensors;
    koleoLoss(features).dispose();
    tf.grad((x) => koleoLoss(x as Tensor2D))(features).dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
