import type { RandomStream } from "@dinov2/foundation";
import type { ImageSource } from "./image-source.ts";
import type { ReadBlocks } from "./read-blocks.ts";

/**
 * A list of images, by number. It knows where the files are, never their pixels, so that a set of
 * millions costs one compact list of paths. New kinds of source implement this and get a row in `open-dataset.ts`.
 */
export interface ImageDataset {
  readonly length: number;
  /** What the labels mean; absent when the source has no classes. */
  readonly classNames?: readonly string[];
  /** A short name that says which image this is: its path relative to the source. */
  name(index: number): string;
  /** Index into `classNames`; undefined when the image has none. */
  label(index: number): number | undefined;
  /** The file to decode, or the part of one. */
  source(index: number): ImageSource;
  /** For a source that is best read in order: where reading may start. Training then mixes blocks; see `block-sampler.ts`. */
  readonly blocks?: ReadBlocks;
  /** One more fact about every image, in order, where the source says it: `split` and `group` of a manifest. */
  column?(name: string): readonly string[] | undefined;
}

/** The images of `dataset` at `indices`, in that order; labels and class names stay what they were. */
export function subset(dataset: ImageDataset, indices: ArrayLike<number>): ImageDataset {
  const rows = Int32Array.from(indices);
  const at = (index: number) => {
    const row = rows[index];
    if (row === undefined) throw new RangeError(`Image ${index} of a subset of ${rows.length} images.`);
    return row;
  };
  return {
    length: rows.length,
    ...(dataset.classNames === undefined ? {} : { classNames: dataset.classNames }),
    name: (index) => dataset.name(at(index)),
    label: (index) => dataset.label(at(index)),
    source: (index) => dataset.source(at(index)),
    column(name) {
      const words = dataset.column?.(name);
      return words && Array.from(rows, (row) => words[row]!);
    },
  };
}

/** `count` images drawn at random, in their order; all when there are no more, or for null. */
export function atMost(dataset: ImageDataset, count: number | null, random: RandomStream): ImageDataset {
  if (count === null || dataset.length <= count) return dataset;
  const rows = random.permutation(dataset.length).slice(0, count);
  return subset(dataset, rows.sort((a, b) => a - b));
}
