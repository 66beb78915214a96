import { expect, it } from "vitest";
import { meanAndSpread } from "./results-table.ts";

it("the spread is the sample standard deviation, and 0 of a single value", () => {
  expect(meanAndSpread([1, 3])).toEqual({ mean: 2, spread: Math.SQRT2 });
  expect(meanAndSpread([1, 2, 6])).toEqual({ mean: 3, spread: Math.sqrt((4 + 1 + 9) / 2) });
  expect(meanAndSpread([5])).toEqual({ mean: 5, spread: 0 });
});
