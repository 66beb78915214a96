// Random crops of pairs, batch after batch without end: what trains a depth head.

import { InputError, RandomStream } from "@dinov2/foundation";
import type { Normalization } from "../augment/normalization.ts";
import { InfiniteSampler } from "../samplers.ts";
import { batchesAhead } from "./batches-ahead.ts";
import type { DepthDataset } from "./dense-dataset.ts";
import { type DepthCropOptions, drawDepthCrop, renderDepthCrop } from "./depth-crop.ts";
import { readDepthPair } from "./depth-pair.ts";

export interface DepthBatchOptions {
  readonly batchSize: number;
  readonly seed: number;
  readonly crop: DepthCropOptions;
  readonly normalization?: Normalization;
}

export interface DepthBatch {
  /** [B, 3, H, W], normalised. */
  readonly images: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** [B, H, W] metres, 0 where nothing was measured. */
  readonly depths: Float32Array;
}

/** Crops of one pair to try for one that shows a measured pixel. */
const ATTEMPTS = 10;

/**
 * Every pair once a pass; the next batch is made while one is in use.
 * @throws InputError for an empty set, or a pair that cannot be used
 */
export async function* depthBatches(dataset: DepthDataset, options: DepthBatchOptions): AsyncGenerator<DepthBatch> {
  if (dataset.length === 0) throw new InputError("There is no pair of an image and its depths to train on; name a split that has some.");
  const sampler = InfiniteSampler.create({ length: dataset.length, seed: options.seed });
  const random = RandomStream.fromSeed(options.seed).split("depth crops");
  yield* batchesAhead(() => makeBatch(dataset, sampler, random, options));
}

async function makeBatch(
  dataset: DepthDataset,
  sampler: InfiniteSampler,
  random: RandomStream,
  options: DepthBatchOptions,
): Promise<DepthBatch> {
  const { batchSize, crop, normalization } = options;
  const area = crop.height * crop.width;
  const images = new Float32Array(batchSize * 3 * area);
  const depths = new Float32Array(batchSize * area);
  for (let row = 0; row < batchSize; row++) {
    const pair = await readDepthPair(dataset, sampler.next());
    const map = depths.subarray(row * area, (row + 1) * area);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const plan = drawDepthCrop(crop, pair.image.width, pair.image.height, random);
      renderDepthCrop(pair, plan, images.subarray(row * 3 * area, (row + 1) * 3 * area), map, normalization);
      if (map.some((depth) => depth > 0)) break;
    }
  }
  return { images, shape: [batchSize, 3, crop.height, crop.width], depths };
}
