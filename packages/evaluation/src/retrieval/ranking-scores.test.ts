import { describe, expect, it } from "vitest";
import { averagePrecision, ranksOf, revisitedPrecision, trapezoidAveragePrecision } from "./ranking-scores.ts";

describe("ranksOf", () => {
  it("counts places as if ignored images were not there", () => {
    expect(ranksOf([7, 3, 5, 1, 0], new Set([3, 0]), new Set([7, 1]))).toEqual([0, 2]);
  });
});

describe("trapezoidAveragePrecision", () => {
  it("is 1 when all right images come first, and loses half of what is missed at the end", () => {
    expect(trapezoidAveragePrecision([0, 1, 2], 3)).toBe(1);
    expect(trapezoidAveragePrecision([0, 1], 4)).toBe(0.5);
  });

  it("takes the mean of the precisions before and at each right image", () => {
    // Places 1 and 3 of the ranking: (1 + 1) / 2, then (1/2 + 2/3) / 2; of 2 right images.
    expect(trapezoidAveragePrecision([0, 2], 2)).toBeCloseTo((1 + 7 / 12) / 2, 12);
    // Place 2 alone: (0 + 1/2) / 2.
    expect(trapezoidAveragePrecision([1], 1)).toBe(0.25);
  });

  it("lies below average precision in steps, which looks at right images alone", () => {
    expect(averagePrecision([0, 2], 2)).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(averagePrecision([1], 1)).toBe(0.5);
  });
});

describe("revisitedPrecision", () => {
  it("is of k places, and of those up to the last right image where that comes before", () => {
    expect([1, 2, 3, 10].map((k) => revisitedPrecision([0, 2], k))).toEqual([1, 1 / 2, 2 / 3, 2 / 3]);
    expect(revisitedPrecision([0, 1, 30], 10)).toBe(0.2);
    expect(revisitedPrecision([], 5)).toBe(0);
  });
});
