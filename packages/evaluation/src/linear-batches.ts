// Where the rows that linear heads are trained on come from: features that were taken once, or those of new crops each step.

import { type ImageDataset, InfiniteSampler, loadRandomCrops, type RandomCropOptions } from "@dinov2/data";
import type { FrozenBackbone } from "./backbone.ts";
import type { ReadingOptions } from "./evaluator.ts";
import { createFeatureMatrix, type LabelledFeatures, selectLabelled } from "./feature-matrix.ts";
import { batchFeatures } from "./features.ts";

/** Random rows of `train`, `size` a batch, without end; every row once a pass. */
export async function* storedBatches(train: LabelledFeatures, size: number, seed: number): AsyncGenerator<LabelledFeatures> {
  const sampler = InfiniteSampler.create({ length: train.features.count, seed });
  for (;;) yield selectLabelled(train, Int32Array.from({ length: size }, () => sampler.next()));
}

export type CropOptions = Pick<RandomCropOptions, "cropScale">;

/**
 * The features of random crops of `train`, flipped half of the time, `size` a batch and at most `batchSize` in one forward,
 * without end.
 */
export async function* augmentedBatches(
  backbone: FrozenBackbone,
  train: ImageDataset,
  size: number,
  { seed, batchSize = 32, pixelLimit, skipped, cropScale }: ReadingOptions & CropOptions & { readonly seed: number },
): AsyncGenerator<LabelledFeatures> {
  const reading = { batchSize: size, seed, onSkip: skipped, cropScale, ...(pixelLimit !== undefined && { pixelLimit }) };
  for await (const { images, shape, indices } of loadRandomCrops(train, { ...backbone.imageSizes, ...reading })) {
    const features = createFeatureMatrix(size, backbone.width);
    const [, channels, height, width] = shape;
    const imageSize = channels * height * width;
    for (let start = 0; start < size; start += batchSize) {
      const end = Math.min(start + batchSize, size);
      const some = images.subarray(start * imageSize, end * imageSize);
      features.values.set(await batchFeatures(backbone, some, [end - start, channels, height, width]), start * backbone.width);
    }
    yield { features, labels: indices.map((index) => train.label(index)!) };
  }
}
