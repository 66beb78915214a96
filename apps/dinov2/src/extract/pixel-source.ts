// Where the pixels come from: image files, prepared as for evaluation, or a tensor that someone else prepared.

import { loadEvalImages, openDataset } from "@dinov2/data";
import type { ImageSizes, ReadingOptions } from "@dinov2/evaluation";
import { InputError } from "@dinov2/foundation";
import { openSafetensors } from "@dinov2/tensor";
import type { SideTensor } from "./feature-file.ts";

export interface PixelBatch {
  /** [B, channels, H, W], normalised */
  readonly images: Float32Array;
  readonly count: number;
  /** Images of the source that are dealt with so far, those left out included. */
  readonly seen: number;
}

export type BatchOptions = Pick<ReadingOptions, "pixelLimit" | "skipped"> & { readonly batchSize: number };

export interface PixelSource {
  readonly count: number;
  readonly height: number;
  readonly width: number;
  /** Text for the file's metadata. */
  readonly metadata: Readonly<Record<string, string>>;
  batches(options: BatchOptions): AsyncIterable<PixelBatch>;
  /** What to write beside the features, once all batches were read. */
  sideTensors(): Readonly<Record<string, SideTensor>>;
  close(): Promise<void>;
}

/** The images of a folder, glob or manifest. Files that cannot be decoded are left out, and the watcher is told. */
export async function imageSource(source: string, sizes: ImageSizes): Promise<PixelSource> {
  const dataset = await openDataset(source);
  const kept: number[] = [];
  const { classNames } = dataset;
  const hasLabels = classNames !== undefined;
  return {
    count: dataset.length,
    height: sizes.cropSize,
    width: sizes.cropSize,
    metadata: hasLabels ? { class_names: JSON.stringify(classNames) } : {},
    async *batches({ batchSize, pixelLimit, skipped }) {
      const reading = { batchSize, onSkip: skipped, ...(pixelLimit !== undefined && { pixelLimit }) };
      for await (const batch of loadEvalImages(dataset, { ...sizes, ...reading })) {
        kept.push(...batch.indices);
        yield { images: batch.images, count: batch.indices.length, seen: batch.seen };
      }
    },
    sideTensors() {
      const names = new TextEncoder().encode(JSON.stringify(kept.map((index) => dataset.name(index))));
      const labels = Int32Array.from(kept, (index) => dataset.label(index) ?? -1);
      return {
        image_names: { dtype: "U8", shape: [names.length], data: names },
        ...(hasLabels && { labels: { dtype: "I32", shape: [labels.length], data: labels } }),
      };
    },
    close: () => Promise.resolve(),
  };
}

/** What a model takes. */
interface InputShape {
  readonly patchSize: number;
  readonly inChannels: number;
}

/** The tensor `images` of a safetensors file, read a batch at a time. */
export async function tensorSource(path: string, { patchSize, inChannels }: InputShape): Promise<PixelSource> {
  const file = await openSafetensors(path);
  try {
    const [count, height, width] = checkImages(path, file.info("images"), { patchSize, inChannels });
    return {
      count,
      height,
      width,
      metadata: {},
      async *batches({ batchSize }) {
        for (let start = 0; start < count; start += batchSize) {
          const end = Math.min(start + batchSize, count);
          yield { images: (await file.readRows("images", start, end)) as Float32Array, count: end - start, seen: end };
        }
      },
      sideTensors: () => ({}),
      close: () => file.close(),
    };
  } catch (error) {
    await file.close();
    throw error;
  }
}

function checkImages(
  path: string,
  { dtype, shape }: { readonly dtype: string; readonly shape: readonly number[] },
  { patchSize, inChannels }: InputShape,
): [count: number, height: number, width: number] {
  const [count, channels, height, width] = shape;
  if (dtype !== "F32" || shape.length !== 4 || channels !== inChannels || !count || !height || !width) {
    throw new InputError(`Tensor images of ${path} is ${dtype} [${shape.join(", ")}]; expected F32 [N, ${inChannels}, H, W], normalised.`);
  }
  for (const [side, pixels] of Object.entries({ height, width })) {
    if (pixels % patchSize !== 0) {
      throw new InputError(`Image ${side} ${pixels} of ${path} is not a multiple of the patch size ${patchSize}; resize or crop it.`);
    }
  }
  return [count, height, width];
}
