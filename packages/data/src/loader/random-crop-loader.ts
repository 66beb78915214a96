// Images to train a classifier on frozen features with: one random crop of each, flipped half of the time, without end.

import { normalizationFor, type Normalization } from "../augment/normalization.ts";
import type { ImageDataset } from "../datasets/dataset.ts";
import type { DecodeOptions } from "../decode.ts";
import type { ChannelOptions } from "../decode-channels.ts";
import type { MultiCropOptions } from "../multi-crop.ts";
import { createLoader } from "./loader.ts";
import type { SkipOptions } from "./skip-ledger.ts";

export interface RandomCropOptions extends SkipOptions, DecodeOptions, ChannelOptions, Partial<Normalization> {
  readonly batchSize: number;
  readonly seed: number;
  readonly cropSize: number;
  /** Share of the image's area in a crop; 8 to 100 %, as it comes. */
  readonly cropScale?: readonly [lowest: number, highest: number] | undefined;
  readonly workers?: number;
}

/** B images of one step. */
export interface RandomCropBatch {
  /** [B, channels, S, S], normalised. */
  readonly images: Float32Array;
  readonly shape: readonly [number, number, number, number];
  /** [B] which images of the dataset these are. */
  readonly indices: Int32Array;
}

/** `scale` of `make_classification_train_transform`, which is that of torchvision's `RandomResizedCrop`. */
const OFFICIAL_CROP_SCALE: readonly [lowest: number, highest: number] = [0.08, 1];

/** What a crop is: neither recoloured nor blurred (`make_classification_train_transform`). */
const classificationCrop: Partial<MultiCropOptions> = {
  globalCount: 1,
  localCount: 0,
  jitterProbability: 0,
  grayProbability: 0,
  blurSemantics: "paper",
  blurProbabilities: [0, 0, 0],
};

/**
 * Endless batches of `dataset`, every image once a pass. One that cannot be used is replaced by another.
 * @throws InputError when too many cannot be used
 */
export async function* loadRandomCrops(dataset: ImageDataset, options: RandomCropOptions): AsyncGenerator<RandomCropBatch> {
  const { cropSize, cropScale = OFFICIAL_CROP_SCALE, channels = 3, mean, standardDeviation, ...reading } = options;
  const normalization = { ...normalizationFor(channels), ...(mean && { mean }), ...(standardDeviation && { standardDeviation }) };
  const loader = createLoader({
    ...reading,
    dataset,
    multiCrop: { ...classificationCrop, ...normalization, globalSize: cropSize, globalScale: cropScale },
    masking: { patchSize: cropSize, maskProbability: 0 },
  });
  try {
    for await (const { globalCrops, indices } of loader) yield { images: globalCrops.data, shape: globalCrops.shape, indices };
  } finally {
    await loader.close();
  }
}
