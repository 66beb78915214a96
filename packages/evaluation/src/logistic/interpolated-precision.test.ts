import { describe, expect, it } from "vitest";
import { interpolatedAveragePrecision } from "./interpolated-precision.ts";

describe("interpolatedAveragePrecision", () => {
  it("takes the highest precision at each of 11 recalls", () => {
    // Right at places 1, 3 and 6: precisions 1, 2/3 and 1/2. One of three is enough for recalls 0 to 0.3, two for 0.4 to 0.6.
    expect(interpolatedAveragePrecision([6, 5, 4, 3, 2, 1], [1, -1, 1, -1, -1, 1])).toBeCloseTo((4 * 1 + 3 * (2 / 3) + 4 * (1 / 2)) / 11, 12);
  });

  it("takes a higher precision that comes at a higher recall", () => {
    // Right at places 2 and 3: precisions 1/2 and 2/3, the latter for all recalls.
    expect(interpolatedAveragePrecision([3, 2, 1], [-1, 1, 1])).toBeCloseTo(2 / 3, 12);
  });

  it("asks for ten of ten at recall 1 alone, and for nine at 0.9", () => {
    // Nine right ones first, then nine wrong ones, then the last: precision 1 for recalls up to 0.9, 10/19 at 1.
    const targets = [...Array<number>(9).fill(1), ...Array<number>(9).fill(-1), 1];
    expect(interpolatedAveragePrecision(targets.map((_, i) => -i), targets)).toBeCloseTo((10 + 10 / 19) / 11, 12);
  });

  it("leaves out what is difficult, wherever it is ranked", () => {
    expect(interpolatedAveragePrecision([9, 6, 5.5, 5, 4, 3, 2, 1], [0, 1, 0, -1, 1, -1, -1, 1])).toBeCloseTo(8 / 11, 12);
  });

  it("is not a number where no row shows the class", () => {
    expect(interpolatedAveragePrecision([1, 2], [-1, 0])).toBeNaN();
  });
});
