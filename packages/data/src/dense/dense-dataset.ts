// Images with a value for every pixel: the class of what is seen there, or how far away it is. A layout (ADE20k, NYU, …) is
// one file beside this one that gives such a dataset; how pairs are resized, cropped and scored is the same for all.

import type { RgbImage } from "../images.ts";

/** The label of pixels that nobody is scored on, as in mmsegmentation. */
export const ignoredLabel = 255;

/** The class of each pixel. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  /** [height, width], row-major: classes 0..C-1, or `ignoredLabel`. */
  readonly labels: Uint8Array;
}

/** The distance of each pixel. */
export interface DepthMap {
  readonly width: number;
  readonly height: number;
  /** [height, width], row-major, in metres; 0 where nothing was measured. */
  readonly depths: Float32Array;
}

/** Pairs of an image and a map of the same size, by number. Opening one checks that no pair is incomplete; reading checks each pair. */
export interface DenseDataset<PixelMap> {
  readonly length: number;
  /** A short name that says which pair this is: the image's path relative to the source. */
  name(index: number): string;
  /** Throws `InputError`, naming the file, when the image cannot be decoded. */
  readImage(index: number): Promise<RgbImage>;
  /** Throws `InputError`, naming the file, when the map cannot be read or holds what it must not. */
  readMap(index: number): Promise<PixelMap>;
}

export interface SegmentationDataset extends DenseDataset<LabelMap> {
  readonly classNames: readonly string[];
}

export interface DepthDataset extends DenseDataset<DepthMap> {
  /** Metres that are scored: larger than the first, smaller than the second. */
  readonly range: readonly [number, number];
  /** The part of an image that is scored, [top, bottom, left, right] pixels, the ends exclusive; the whole image when missing. */
  readonly scoredCrop?: readonly [number, number, number, number];
}
