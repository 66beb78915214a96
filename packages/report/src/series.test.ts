import { describe, expect, it } from "vitest";
import { formatNumber, formatPercent } from "./numbers.ts";
import { pointsOf, smooth, thin, type Point } from "./series.ts";

describe("a measure's points", () => {
  it("leave out lines without the measure and numbers that are none", () => {
    expect(pointsOf([{ step: 1, a: 5 }, { step: 2 }, { step: 3, a: NaN }, { step: 4, a: 6 }], "a")).toEqual([
      [1, 5],
      [4, 6],
    ]);
  });

  it("are thinned to means of neighbours, all points counted", () => {
    const points = Array.from({ length: 10 }, (_, i): Point => [i, 2 * i]);
    expect(thin(points, 5)).toEqual([
      [0.5, 1],
      [2.5, 5],
      [4.5, 9],
      [6.5, 13],
      [8.5, 17],
    ]);
    expect(thin(points, 10)).toEqual(points);
  });

  it("are smoothed without moving a straight line, ends included", () => {
    const line = Array.from({ length: 7 }, (_, i): Point => [i, 3 * i]);
    for (const [i, [step, value]] of smooth(line, 2).entries()) {
      expect(step).toBe(i);
      expect(value).toBeCloseTo(3 * i, 12);
    }
  });

  it("are smoothed to the best line through their neighbours: 0, 3, 0 lies along 1", () => {
    expect(
      smooth(
        [
          [0, 0],
          [1, 3],
          [2, 0],
        ],
        5,
      ),
    ).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    expect(smooth([[4, 2]], 5)).toEqual([[4, 2]]);
  });
});

describe("numbers for readers", () => {
  it("have four significant digits and a real minus", () => {
    expect([0.123456, 12345.6, -0.5, 1.5e-5, 2e-4, 1000, 0].map((value) => formatNumber(value))).toEqual([
      "0.1235",
      "12350",
      "−0.5",
      "1.5e−5",
      "2e−4",
      "1000",
      "0",
    ]);
    expect(formatNumber(0.123456, 3)).toBe("0.123");
  });

  it("give shares as percent with one digit", () => {
    expect(formatPercent(0.7134)).toBe("71.3");
  });
});
