// Images to a feature matrix, batch by batch: decoding runs ahead of the network, and one batch of pixels is in memory
// at a time. Legend: B images of a batch, M images that could be decoded, S side in pixels, D width.

import { loadEvalImages, type ImageDataset } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { FrozenBackbone } from "./backbone.ts";
import type { ReadingOptions } from "./evaluator.ts";
import { createFeatureMatrix, type FeatureMatrix, type LabelledFeatures, rowRange } from "./feature-matrix.ts";

export interface ExtractOptions extends ReadingOptions {
  /** What `progress` calls this work. */
  readonly stage?: string;
}

export interface ExtractedFeatures {
  /** [M, D] */
  readonly features: FeatureMatrix;
  /** [M] which image of the dataset each row is, ascending; files that could not be decoded are missing. */
  readonly rows: Int32Array;
}

/** Where features come from other than straight from the network: files, or memory. */
export interface FeatureSource {
  features(backbone: FrozenBackbone, dataset: ImageDataset, options?: ExtractOptions): Promise<ExtractedFeatures>;
}

/**
 * The features of every image of a dataset that can be decoded, through the store of features on disk where there is one.
 * @throws InputError when too many cannot (see `loadEvalImages`), or none can
 */
export async function extractFeatures(
  backbone: FrozenBackbone,
  dataset: ImageDataset,
  options: ExtractOptions = {},
): Promise<ExtractedFeatures> {
  if (options.store) return options.store.features(backbone, dataset, options);
  const all = createFeatureMatrix(dataset.length, backbone.width);
  const rows = new Int32Array(dataset.length);
  let count = 0;
  for await (const { values, indices } of featureBatches(backbone, dataset, options)) {
    all.values.set(values, count * all.width);
    rows.set(indices, count);
    count += indices.length;
  }
  if (count === 0) throw new InputError(`None of the ${dataset.length} images could be decoded.`);
  return { features: rowRange(all, 0, count), rows: rows.subarray(0, count) };
}

export interface FeatureBatch {
  /** [M, D] */
  readonly values: Float32Array;
  /** [M] which images of the dataset these are, ascending. */
  readonly indices: Int32Array;
  /** Images of the dataset dealt with so far, those left out included. */
  readonly seen: number;
}

/** The features of every image that can be decoded, batch by batch. */
export async function* featureBatches(
  backbone: FrozenBackbone,
  dataset: ImageDataset,
  { batchSize = 32, pixelLimit, stage = "extracting", progress, skipped }: ExtractOptions = {},
): AsyncGenerator<FeatureBatch> {
  progress?.(stage, 0, dataset.length);
  const reading = { batchSize, onSkip: skipped, ...(pixelLimit !== undefined && { pixelLimit }) };
  for await (const { images, shape, indices, seen } of loadEvalImages(dataset, { ...backbone.imageSizes, ...reading })) {
    yield { values: await batchFeatures(backbone, images, shape), indices, seen };
    progress?.(stage, seen, dataset.length);
  }
}

/** The same with the class of each row and its image's place in the dataset; every image must have a class. */
export async function extractLabelled(
  backbone: FrozenBackbone,
  dataset: ImageDataset,
  stage: string,
  options: Omit<ExtractOptions, "stage"> = {},
): Promise<LabelledFeatures & Pick<ExtractedFeatures, "rows">> {
  const { features, rows } = await extractFeatures(backbone, dataset, { ...options, stage });
  return { features, rows, labels: rows.map((row) => dataset.label(row)!) };
}

/** [B, 3, S, S] pixels to [B, D] values; no tensor stays behind. */
export async function batchFeatures(
  backbone: FrozenBackbone,
  images: Float32Array,
  shape: readonly [number, number, number, number],
): Promise<Float32Array> {
  const output = tf.tidy(() => backbone.imageFeatures(tf.tensor4d(images, [...shape])));
  try {
    return (await output.data()) as Float32Array;
  } finally {
    output.dispose();
  }
}
