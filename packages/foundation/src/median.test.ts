import { describe, expect, it } from "vitest";
import { median } from "./median.ts";

describe("median", () => {
  it("is the middle of the sorted values, or the mean of the middle two", () => {
    expect(median([10, 9, 100])).toBe(10);
    expect(median([4, 1, 100, 2])).toBe(3);
    expect(median([])).toBeNaN();
  });
});
