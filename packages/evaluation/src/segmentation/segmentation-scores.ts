// How well predicted classes of pixels match the true ones: areas summed over the whole set, then one number for each class.

import { ignoredLabel } from "@dinov2/data";

/** Shares 0..1; NaN for a class that has no such number. */
export interface SegmentationMetrics {
  /** The mean over the classes that occur. */
  readonly mIoU: number;
  /** Of all pixels that count, those with the right class. */
  readonly aAcc: number;
  /** The mean accuracy of the classes that occur. */
  readonly mAcc: number;
  /** [classes] intersection over union of predicted and true area; NaN where both are empty. */
  readonly iou: readonly number[];
  /** [classes] of the true area, what was found; NaN where it is empty. */
  readonly accuracy: readonly number[];
}

/**
 * Areas of the classes over a set of images. Pixels whose true label is `ignoredLabel` do not count, whatever was predicted.
 *
 * Source: the definition of mIoU, aAcc and mAcc in mmsegmentation 0.x, sums over the set before ratios.
 */
export class SegmentationScores {
  private readonly intersections: Float64Array;
  private readonly predicted: Float64Array;
  private readonly expected: Float64Array;

  constructor(readonly classCount: number) {
    [this.intersections, this.predicted, this.expected] = [0, 0, 0].map(() => new Float64Array(classCount)) as [Float64Array, Float64Array, Float64Array];
  }

  /** Adds one image's pixels, in one order. */
  add(predicted: ArrayLike<number>, expected: ArrayLike<number>): void {
    if (predicted.length !== expected.length) throw new RangeError(`${predicted.length} predictions for ${expected.length} pixels.`);
    for (let i = 0; i < expected.length; i++) {
      const [guess, truth] = [predicted[i]!, expected[i]!];
      if (truth === ignoredLabel) continue;
      this.predicted[guess]! += 1;
      this.expected[truth]! += 1;
      if (guess === truth) this.intersections[truth]! += 1;
    }
  }

  metrics(): SegmentationMetrics {
    const { intersections, predicted, expected } = this;
    const iou = Array.from(intersections, (area, i) => area / (predicted[i]! + expected[i]! - area));
    const accuracy = Array.from(intersections, (area, i) => area / expected[i]!);
    return { mIoU: meanOfNumbers(iou), aAcc: sum(intersections) / sum(expected), mAcc: meanOfNumbers(accuracy), iou, accuracy };
  }
}

const sum = (values: Iterable<number>) => [...values].reduce((a, b) => a + b, 0);

/** Of those that are numbers. */
function meanOfNumbers(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return sum(numbers) / numbers.length;
}
