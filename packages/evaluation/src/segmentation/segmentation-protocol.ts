// How a segmentation head is trained and tested, with the published choices as they come.

import { publishedMultiScaleCrop, publishedSegmentationCrop, type ScaleLimits, type SegmentationCropOptions, type SegmentationDataset } from "@dinov2/data";
import type { DenseTask } from "../dense/dense-evaluation.ts";
import type { WindowOptions } from "../dense/sliding-window.ts";

/** Images with masks. */
export type SegmentationTask = DenseTask<SegmentationDataset>;

export interface SegmentationProtocol {
  /** How many last blocks the head reads. */
  readonly layers: number;
  readonly crop: SegmentationCropOptions;
  readonly steps: number;
  /** Crops of one step. */
  readonly trainBatch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** Steps in which the learning rate rises. */
  readonly warmup: number;
  /** The most that the sides of test images have at ratio 1. */
  readonly testScale: ScaleLimits;
  /** Test images are seen at each of these ratios, and the answers averaged. */
  readonly ratios: readonly number[];
  /** Also mirrored. */
  readonly flipTest: boolean;
  readonly window: WindowOptions;
}

const usual = { steps: 40_000, trainBatch: 16, learningRate: 1e-3, weightDecay: 1e-4, warmup: 1500 };

/**
 * What was published for ADE20k, "lin.". Its 40,000 steps had 2 images on each of 8 devices; here one step sees all 16.
 *
 * Source: arXiv 2304.07193, section 7.4, and the configurations of the published heads.
 */
export const publishedSegmentationProtocol: SegmentationProtocol = {
  ...usual,
  layers: 1,
  crop: publishedSegmentationCrop,
  testScale: [2048, 512],
  ratios: [1],
  flipTest: false,
  window: { size: 512, stride: 341 },
};

/** The same, "+ms": four blocks, larger crops, and an average over five sizes and their mirror images. */
export const publishedMultiScaleProtocol: SegmentationProtocol = {
  ...usual,
  layers: 4,
  crop: publishedMultiScaleCrop,
  testScale: [Infinity, 640],
  ratios: [1, 1.32, 1.73, 2.28, 3],
  flipTest: true,
  window: { size: 640, stride: 320 },
};

/** The share of the learning rate at the first step. */
const WARMUP_START = 1e-6;

/**
 * A line from the learning rate to 0, times a line from nearly 0 to 1 over the warm-up, which takes at most a quarter of a short training.
 */
export function segmentationLearningRate({ learningRate, steps, warmup }: SegmentationProtocol): (step: number) => number {
  const rising = Math.min(warmup, Math.floor(steps / 4));
  return (step) => {
    const share = step < rising ? WARMUP_START + (1 - WARMUP_START) * (step / rising) : 1;
    return learningRate * (1 - step / steps) * share;
  };
}
