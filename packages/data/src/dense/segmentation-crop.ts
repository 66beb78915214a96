// What a segmentation head trains on: a random part of a pair at a random size, mirrored and recoloured. Every choice is drawn first
// and carried out then, on the pixels of the crop alone.

import type { RandomStream } from "@dinov2/foundation";
import { imagenetNormalization, type Normalization } from "../augment/normalization.ts";
import type { Rectangle } from "../augment/random-resized-crop.ts";
import type { RgbImage } from "../images.ts";
import { ignoredLabel, type LabelMap } from "./dense-dataset.ts";
import { distort, type DistortionOptions, type DistortionPlan, drawDistortion, publishedDistortion } from "./photometric-distortion.ts";
import { resizeImage, resizeLabels, scaledSize, type ScaleLimits, type Size } from "./resize-pair.ts";
import type { SegmentationPair } from "./segmentation-pair.ts";

export interface SegmentationCropOptions {
  /** Side of the crop. */
  readonly size: number;
  /** Pictures are resized to this times a random ratio. */
  readonly scale: ScaleLimits;
  readonly ratios: readonly [number, number];
  /** A crop with a class on more than this share of its pixels is drawn again, up to ten times. */
  readonly largestShare: number;
  readonly flipProbability: number;
  /** Null leaves colours. */
  readonly distortion: DistortionOptions | null;
}

const usual = { largestShare: 0.75, flipProbability: 0.5, distortion: publishedDistortion };
/** As published for heads on the last block. */
export const publishedSegmentationCrop: SegmentationCropOptions = { size: 512, scale: [2048, 512], ratios: [0.5, 2], ...usual };
/** As published for heads that are tested at several scales. */
export const publishedMultiScaleCrop: SegmentationCropOptions = { size: 640, scale: [Infinity, 640], ratios: [1, 3], ...usual };

export interface SegmentationCropPlan {
  /** Of the whole picture. */
  readonly resized: Size;
  /** The part of it that is seen: smaller than the crop where the picture is. */
  readonly window: Rectangle;
  readonly flip: boolean;
  readonly distortion: DistortionPlan | null;
}

const ATTEMPTS = 10;

export function drawSegmentationCrop(map: LabelMap, options: SegmentationCropOptions, random: RandomStream): SegmentationCropPlan {
  const resized = scaledSize(map, options.scale, random.uniform(...options.ratios));
  let window = drawWindow(resized, options.size, random);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (isMixed(resizeLabels(map, resized, window), options.largestShare)) break;
    window = drawWindow(resized, options.size, random);
  }
  const flip = random.bernoulli(options.flipProbability);
  return { resized, window, flip, distortion: options.distortion && drawDistortion(options.distortion, random) };
}

function drawWindow({ width, height }: Size, size: number, random: RandomStream): Rectangle {
  const top = random.integer(Math.max(height - size, 0) + 1);
  const left = random.integer(Math.max(width - size, 0) + 1);
  return { top, left, height: Math.min(size, height), width: Math.min(size, width) };
}

/** Whether there are two classes or more, and none has more than a share of the pixels that count. */
function isMixed({ labels }: LabelMap, largestShare: number): boolean {
  const counts = new Uint32Array(256);
  for (const label of labels) counts[label]! += 1;
  counts[ignoredLabel] = 0;
  const largest = counts.reduce((a, b) => Math.max(a, b), 0);
  const total = counts.reduce((a, b) => a + b, 0);
  return largest < total && largest < largestShare * total;
}

/**
 * The crop of a pair: [3, S, S] normalised values and [S, S] labels, written to where a batch wants them. Beside and below
 * a smaller picture there are zeros, and labels that do not count.
 */
export function renderSegmentationCrop(
  { image, map }: SegmentationPair,
  { resized, window, flip, distortion }: SegmentationCropPlan,
  size: number,
  values: Float32Array,
  labels: Uint8Array,
  normalization: Normalization = imagenetNormalization,
): void {
  const picture = resizeImage(image, resized, window);
  if (distortion) distort(picture, distortion);
  normalizePlanes(picture, { width: size, height: size }, values, normalization, flip);
  const seen = resizeLabels(map, resized, window);
  labels.fill(ignoredLabel);
  for (let y = 0; y < seen.height; y++) {
    for (let x = 0; x < seen.width; x++) {
      labels[y * size + x] = seen.labels[y * seen.width + (flip ? seen.width - 1 - x : x)]!;
    }
  }
}

/** A picture as normalised planes [3, height, width] of a size that it fits in; zeros beside and below it. */
export function normalizePlanes(
  { width, height, data }: RgbImage,
  size: Size,
  values: Float32Array,
  { mean, standardDeviation }: Normalization = imagenetNormalization,
  flip = false,
): void {
  values.fill(0);
  for (let channel = 0; channel < 3; channel++) {
    const table = Float32Array.from({ length: 256 }, (_, value) => (value / 255 - mean[channel]!) / standardDeviation[channel]!);
    for (let y = 0; y < height; y++) {
      const at = (channel * size.height + y) * size.width;
      for (let x = 0; x < width; x++) {
        values[at + x] = table[data[3 * (y * width + (flip ? width - 1 - x : x)) + channel]!]!;
      }
    }
  }
}
