// Random crops of pairs, batch after batch without end: what trains a segmentation head.

import { InputError, RandomStream } from "@dinov2/foundation";
import type { Normalization } from "../augment/normalization.ts";
import { InfiniteSampler } from "../samplers.ts";
import { batchesAhead } from "./batches-ahead.ts";
import type { SegmentationDataset } from "./dense-dataset.ts";
import { drawSegmentationCrop, renderSegmentationCrop, type SegmentationCropOptions } from "./segmentation-crop.ts";
import { readSegmentationPair } from "./segmentation-pair.ts";

export interface SegmentationBatchOptions {
  readonly batchSize: number;
  readonly seed: number;
  readonly crop: SegmentationCropOptions;
  readonly normalization?: Normalization;
}

export interface SegmentationBatch {
  /** [B, 3, S, S], normalised. */
  readonly images: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** [B, S, S] classes, or `ignoredLabel`. */
  readonly labels: Uint8Array;
}

/**
 * Every pair once a pass; the next batch is made while one is in use.
 * @throws InputError for an empty set, or a pair that cannot be used
 */
export async function* segmentationBatches(dataset: SegmentationDataset, options: SegmentationBatchOptions): AsyncGenerator<SegmentationBatch> {
  if (dataset.length === 0) throw new InputError("There is no pair of an image and its mask to train on; name a split that has some.");
  const sampler = InfiniteSampler.create({ length: dataset.length, seed: options.seed });
  const random = RandomStream.fromSeed(options.seed).split("segmentation crops");
  yield* batchesAhead(() => makeBatch(dataset, sampler, random, options));
}

async function makeBatch(
  dataset: SegmentationDataset,
  sampler: InfiniteSampler,
  random: RandomStream,
  { batchSize, crop, normalization }: SegmentationBatchOptions,
): Promise<SegmentationBatch> {
  const area = crop.size ** 2;
  const images = new Float32Array(batchSize * 3 * area);
  const labels = new Uint8Array(batchSize * area);
  for (let row = 0; row < batchSize; row++) {
    const pair = await readSegmentationPair(dataset, sampler.next());
    const plan = drawSegmentationCrop(pair.map, crop, random);
    const [values, map] = [images.subarray(row * 3 * area, (row + 1) * 3 * area), labels.subarray(row * area, (row + 1) * area)];
    renderSegmentationCrop(pair, plan, crop.size, values, map, normalization);
  }
  return { images, shape: [batchSize, 3, crop.size, crop.size], labels };
}
