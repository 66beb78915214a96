// The nine numbers of depth, beside numpy: the mean over images of each image's own, and those of all pixels in one pool. Pixels
// outside of the range or of the crop do not count, nor does an image that has no other ones.

import { depthMetricNames, DepthScores, type DepthMetrics } from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { type Crosscheck, worstOfNumbers } from "./crosscheck.ts";

const [images, width, height] = [7, 40, 30];
const range = [0.001, 10] as const;
const scoredCrop = [2, 28, 3, 38] as const;
/** What a sensor gives where it saw nothing, and depths on the limits and beyond. */
const invalid = [0, 0.001, 10, 55];

export const depthCheck: Crosscheck = {
  name: "depth",
  library: "numpy",
  async run(ask) {
    const maps = Array.from({ length: images }, (_, image) => depthMaps(image));
    const theirs = await ask<{ image: DepthMetrics; pooled: DepthMetrics }>({ check: "depth", maps, width, range, crop: scoredCrop });
    const scores = new DepthScores({ range, scoredCrop });
    for (const { predicted, measured } of maps) scores.add(predicted, { width, height, depths: Float32Array.from(measured) });
    const ours = { image: scores.perImage(), pooled: scores.pooled() };
    return (["image", "pooled"] as const).flatMap((sum) =>
      depthMetricNames.map((name) => ({ what: `${sum}.${name}`, worst: worstOfNumbers([ours[sum][name]], [theirs[sum][name]]), allowed: 1e-11 })));
  },
};

/** Predictions are off by a factor of each image's own and by noise; one image has no valid pixel, and the first is predicted exactly. */
function depthMaps(image: number): { readonly predicted: number[]; readonly measured: number[] } {
  const random = RandomStream.fromSeed(6).split(image);
  const measured = Array.from({ length: width * height }, () => Math.fround(image === 3 || random.integer(5) === 0 ? invalid[random.integer(4)]! : 0.5 + 9 * random.uniform()));
  const factor = 1 + 0.1 * random.normal();
  return { measured, predicted: measured.map((depth) => Math.max(depth, 0.01) * (image === 0 ? 1 : factor * Math.exp(0.3 * random.normal()))) };
}
