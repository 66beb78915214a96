// Areas of classes and their ratios, beside numpy: of each image by itself, and of all together. Some classes are in no image, some
// only predicted, and pixels of the label 255 do not count.

import { SegmentationScores } from "@dinov2/evaluation";
import { RandomStream } from "@dinov2/foundation";
import { type Crosscheck, worstOfNumbers } from "./crosscheck.ts";

const [images, pixels, classes, ignored] = [6, 500, 12, 255];
/** Class 10 is only ever predicted, class 11 is nowhere. */
const [labelled, predicted] = [10, 11];

interface Answer {
  readonly mIoU: number;
  readonly aAcc: number;
  readonly mAcc: number;
  readonly iou: readonly (number | null)[];
  readonly accuracy: readonly (number | null)[];
}

interface Pair {
  readonly predicted: number[];
  readonly expected: number[];
}

export const segmentationCheck: Crosscheck = {
  name: "segmentation",
  library: "numpy",
  async run(ask) {
    const pairs = Array.from({ length: images }, (_, image) => labelMaps(image));
    const theirs = await ask<{ images: Answer[]; pooled: Answer }>({ check: "segmentation", pairs, classes, ignored });
    const one = pairs.map((pair) => metricsOf([pair]));
    return (["mIoU", "aAcc", "mAcc", "iou", "accuracy"] as const).flatMap((name) => [
      { what: `${name}, each image`, worst: worstOfNumbers(one.flatMap((metrics) => metrics[name]), theirs.images.flatMap((metrics) => metrics[name])), allowed: 1e-12 },
      { what: `${name}, all pixels`, worst: worstOfNumbers([metricsOf(pairs)[name]].flat(), [theirs.pooled[name]].flat()), allowed: 1e-12 },
    ]);
  },
};

function metricsOf(pairs: readonly Pair[]) {
  const scores = new SegmentationScores(classes);
  for (const { predicted, expected } of pairs) scores.add(predicted, expected);
  return scores.metrics();
}

/** Each image has classes of its own, found more often than not, and some pixels without one. */
function labelMaps(image: number): Pair {
  const random = RandomStream.fromSeed(5).split(image);
  const expected = Array.from({ length: pixels }, () => (random.integer(7) === 0 ? ignored : (image + random.integer(4)) % labelled));
  return { expected, predicted: expected.map((label) => (label === ignored || random.integer(3) === 0 ? random.integer(predicted) : label)) };
}
