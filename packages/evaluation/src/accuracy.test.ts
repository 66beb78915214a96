import { expect, it } from "vitest";
import { bestBy, rankScore, reassessedAccuracy, scoreRows, topKAccuracy } from "./accuracy.ts";

// Best first: classes 0, 1, 2; 2, 1, 0; 1, 0, 2 (of equal scores the smaller number comes first).
const scores = Float32Array.of(3, 2, 1, 1, 2, 3, 0, 1, 0);

it("the mean over classes counts each class once, and leaves out those without a row", () => {
  const { micro, macro, perClass } = topKAccuracy(scores, [0, 0, 1], 1);
  expect(micro).toBeCloseTo(2 / 3, 12);
  expect([...perClass]).toEqual([1 / 2, 1, NaN]);
  expect(macro).toBe(3 / 4);
  expect(topKAccuracy(scores, [1, 0, 2], 2)).toMatchObject({ micro: 1 / 3 });
});

it("several right classes: one among the best is enough, and rows without any do not count", () => {
  expect(reassessedAccuracy(scores, [[2, 0], [], [2]], 1)).toBe(1 / 2);
  expect(reassessedAccuracy(scores, [[], [], []], 1)).toBeNaN();
});

it("a score has the shares of rows, and the mean over classes that occur, as rows of results", () => {
  const { predictions, ...score } = rankScore({ labels: Int32Array.of(0, 0, 1) }, 3, (row) => scores.subarray(3 * row, 3 * row + 3));
  expect([...predictions]).toEqual([0, 2, 1]);
  expect(scoreRows("k1", score)).toEqual([
    { metric: "k1.top1", value: 2 / 3 },
    { metric: "k1.top5", value: 1 },
    { metric: "k1.mean_per_class", value: 3 / 4 },
  ]);
});

it("classes that may not be answered are as if they had no score", () => {
  const score = (among?: Int32Array) => rankScore({ labels: Int32Array.of(1, 1, 1), ...(among && { among }) }, 3, (row) => scores.subarray(3 * row, 3 * row + 3));
  expect(score()).toMatchObject({ top1: 1 / 3, predictions: Int32Array.of(0, 2, 1) });
  expect(score(Int32Array.of(1, 2))).toMatchObject({ top1: 2 / 3, predictions: Int32Array.of(1, 2, 1) });
});

it("a row is right by any of its right classes, among those that may be answered", () => {
  const rightClasses = [[1, 2], [2, 0], [0]];
  const score = (among?: Int32Array) => rankScore({ labels: Int32Array.of(1, 2, 0), rightClasses, ...(among && { among }) }, 3, (row) => scores.subarray(3 * row, 3 * row + 3));
  expect(score().top1).toBe(1 / 3);
  expect(score(Int32Array.of(0, 2)).top1).toBe(2 / 3); // the last row's 0 and 2 are equal: the smaller number comes first
});

it("the best is the first of those with most of what is asked for", () => {
  const scores = [[0.5, 0.9], [0.7, 0.6], [0.7, 0.9]].map(([top1, meanPerClass]) => ({ top1: top1!, top5: 1, meanPerClass: meanPerClass! }));
  expect([bestBy(scores), bestBy(scores, "meanPerClass")]).toEqual([1, 0]);
});
