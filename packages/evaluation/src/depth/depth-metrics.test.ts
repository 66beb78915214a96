import { describe, expect, it } from "vitest";
import { DepthScores } from "./depth-metrics.ts";

const map = (width: number, depths: number[]) => ({ width, height: depths.length / width, depths: Float32Array.from(depths) });

describe("DepthScores", () => {
  it("gives the nine numbers of their definitions", () => {
    const scores = new DepthScores({ range: [0.001, 10] });
    scores.add([1, 3], map(2, [2, 2]));
    const { a1, a2, a3, abs_rel, rmse, log10, rmse_log, silog, sq_rel } = scores.perImage();
    expect([a1, a2, a3]).toEqual([0, 0.5, 0.5]); // ratios 2 and 1.5
    expect(abs_rel).toBeCloseTo(0.5, 12);
    expect(rmse).toBeCloseTo(1, 12);
    expect(sq_rel).toBeCloseTo(0.5, 12);
    const [d1, d2] = [Math.log(1 / 2), Math.log(3 / 2)];
    expect(log10).toBeCloseTo((Math.log10(2) + Math.log10(1.5)) / 2, 12);
    expect(rmse_log).toBeCloseTo(Math.sqrt((d1 * d1 + d2 * d2) / 2), 12);
    expect(silog).toBeCloseTo((100 * Math.abs(d2 - d1)) / 2, 10); // the deviation of two numbers
  });

  it("tells the mean of images from the pool of pixels", () => {
    const scores = new DepthScores({ range: [0.001, 10] });
    scores.add([2, 2, 2, 2], map(2, [1, 1, 1, 1])); // squared errors 1, 1, 1, 1
    scores.add([4], map(1, [1])); // 9
    expect(scores.perImage().rmse).toBeCloseTo(2, 12); // (1 + 3) / 2
    expect(scores.pooled().rmse).toBeCloseTo(Math.sqrt(13 / 5), 12);
  });

  it("leaves out what is not measured, not in the range or outside the crop", () => {
    const scores = new DepthScores({ range: [0.5, 5], scoredCrop: [0, 1, 1, 9] });
    scores.add([1, 2, 2, 2, 1, 1, 1, 1], map(4, [9, 1, 0, 5, 1, 1, 1, 1]));
    expect(scores.pixelCount).toBe(1);
    expect(scores.add([1], map(1, [0]))).toBeUndefined();
    expect(scores.imageCount).toBe(1);
  });
});
