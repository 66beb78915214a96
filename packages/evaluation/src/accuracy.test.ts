import { expect, it } from "vitest";
import { reassessedAccuracy, topKAccuracy } from "./accuracy.ts";

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
