// How a depth head is trained and tested, with the published choices as they come.

import { type DepthCropOptions, type DepthDataset, publishedDepthCrop } from "@dinov2/data";
import type { DenseTask } from "../dense/dense-evaluation.ts";

export const depthHeads = ["lin1", "lin4", "dpt"] as const;
/** A linear layer on the last block, one on four blocks, or the DPT head on four blocks. */
export type DepthHeadName = (typeof depthHeads)[number];

/** Images with depths. */
export type DepthTask = DenseTask<DepthDataset>;

export interface DepthProtocol {
  readonly head: DepthHeadName;
  readonly steps: number;
  /** Crops of one step. */
  readonly trainBatch: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** The share of the steps in which the learning rate rises. */
  readonly warmupShare: number;
  /** The largest norm of all gradients together. */
  readonly clipNorm: number;
  readonly crop: DepthCropOptions;
  /** Of the loss of depth edges (the official code's, made to work); 0 leaves it out, which is what the official code does in effect. */
  readonly gradientLoss: number;
  /** The mean of the answers to the picture and to its mirror image. */
  readonly flipTest: boolean;
}

/**
 * What was published for NYU Depth v2. Its 38,400 steps had 2 images on each of 8 devices; here one step sees all 16.
 *
 * Source: arXiv 2304.07193, section 7.4, and the training configurations of the Monocular-Depth-Estimation-Toolbox.
 */
export const publishedDepthProtocol: DepthProtocol = {
  head: "lin4",
  steps: 38_400,
  trainBatch: 16,
  learningRate: 1e-4,
  weightDecay: 0.01,
  warmupShare: 1 / 3,
  clipNorm: 35,
  crop: publishedDepthCrop,
  gradientLoss: 0,
  flipTest: true,
};

/** The first so many steps of a published training look at the mean error alone; in a shorter one at most a tenth of them. */
const MEAN_ONLY_STEPS = 100;
export const meanOnlySteps = (steps: number): number => Math.min(MEAN_ONLY_STEPS, Math.floor(steps / 10));

/** Where the rise of the learning rate begins, as a share of where it would be without it. */
const FIRST_RATE = 1e-3;

/**
 * The learning rate of each step: a cosine over all steps, multiplied by a line up to 1 in the first of them, as in mmcv.
 */
export function depthLearningRate({ steps, learningRate, warmupShare }: Pick<DepthProtocol, "steps" | "learningRate" | "warmupShare">) {
  const warmup = Math.round(steps * warmupShare);
  return (step: number): number => {
    const cosine = 0.5 * (1 + Math.cos((Math.PI * step) / steps));
    const rise = step < warmup ? FIRST_RATE + ((1 - FIRST_RATE) * step) / warmup : 1;
    return learningRate * cosine * rise;
  };
}
