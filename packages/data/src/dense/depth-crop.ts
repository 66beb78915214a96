// What a depth head trains on: a random part of a pair, turned a little, mirrored, recoloured. Every choice is drawn first and
// carried out then, in one pass over the pixels of the crop, so that a picture is not copied for each step of the list.

import type { RandomStream } from "@dinov2/foundation";
import { imagenetNormalization, type Normalization } from "../augment/normalization.ts";
import type { DepthPair } from "./depth-pair.ts";

/** [top, bottom, left, right] in pixels, the ends exclusive. */
export type PixelFrame = readonly [number, number, number, number];

/** What the white frame of NYU's pictures leaves. */
export const nyuFrame: PixelFrame = [45, 472, 43, 608];

export interface DepthCropOptions {
  readonly height: number;
  readonly width: number;
  /** Crops lie in this part of the pictures; in all of it when missing. */
  readonly frame?: PixelFrame;
  /** Degrees to either side. */
  readonly rotation: number;
  readonly rotationProbability: number;
  readonly flipProbability: number;
  readonly colorProbability: number;
  /** An exponent of values 0..1, then a factor of all channels, then one of each. */
  readonly gamma: readonly [number, number];
  readonly brightness: readonly [number, number];
  readonly color: readonly [number, number];
}

/** As published for NYU Depth v2; the colour changes are those of BTS (arXiv 1907.10326), which its list of steps comes from. */
export const publishedDepthCrop: DepthCropOptions = {
  height: 416,
  width: 544,
  rotation: 2.5,
  rotationProbability: 0.5,
  flipProbability: 0.5,
  colorProbability: 0.5,
  gamma: [0.9, 1.1],
  brightness: [0.75, 1.25],
  color: [0.9, 1.1],
};

export interface DepthCropPlan {
  readonly height: number;
  readonly width: number;
  readonly frame: PixelFrame;
  /** Of the crop's corner in the frame, after turning and mirroring. */
  readonly top: number;
  readonly left: number;
  readonly degrees: number;
  readonly flip: boolean;
  /** The exponent of values 0..1, and the factor of each channel; null leaves colours. */
  readonly recolor: { readonly gamma: number; readonly factors: readonly [number, number, number] } | null;
}

/** Draws one crop of a picture of `width` × `height` pixels; what a small picture lacks is black, and nothing is measured there. */
export function drawDepthCrop(options: DepthCropOptions, width: number, height: number, random: RandomStream): DepthCropPlan {
  const [top, bottom, left, right] = options.frame ?? [0, height, 0, width];
  const frame = [Math.min(top, height), Math.min(bottom, height), Math.min(left, width), Math.min(right, width)] as const;
  const rotated = random.bernoulli(options.rotationProbability);
  return {
    height: options.height,
    width: options.width,
    frame,
    degrees: rotated ? random.uniform(-options.rotation, options.rotation) : 0,
    flip: random.bernoulli(options.flipProbability),
    top: random.integer(Math.max(0, frame[1] - frame[0] - options.height) + 1),
    left: random.integer(Math.max(0, frame[3] - frame[2] - options.width) + 1),
    recolor: random.bernoulli(options.colorProbability) ? drawColors(options, random) : null,
  };
}

function drawColors({ gamma, brightness, color }: DepthCropOptions, random: RandomStream): DepthCropPlan["recolor"] {
  const exponent = random.uniform(...gamma);
  const light = random.uniform(...brightness);
  const factor = () => light * random.uniform(...color);
  return { gamma: exponent, factors: [factor(), factor(), factor()] };
}

/** The crop of a pair: [3, height, width] normalised values and [height, width] metres, written to where a batch wants them. */
export function renderDepthCrop(
  { image, map }: DepthPair,
  plan: DepthCropPlan,
  values: Float32Array,
  depths: Float32Array,
  normalization: Normalization = imagenetNormalization,
): void {
  const tables = colorTables(plan.recolor, normalization);
  const area = plan.height * plan.width;
  const sourceOf = sourcePlaces(plan);
  for (let y = 0, at = 0; y < plan.height; y++) {
    for (let x = 0; x < plan.width; x++, at++) {
      const [column, row] = sourceOf(x, y);
      for (let channel = 0; channel < 3; channel++) {
        values[channel * area + at] = tables[channel]![Math.round(bilinear(image, plan.frame, column, row, channel))]!;
      }
      // Between a near and a far depth lies nothing, so the nearest is taken.
      const [nearestColumn, nearestRow] = [Math.round(column), Math.round(row)];
      depths[at] = contains(plan.frame, nearestColumn, nearestRow) ? map.depths[nearestRow * map.width + nearestColumn]! : 0;
    }
  }
}

/** Where a pixel of the crop comes from in the picture: out of the crop, mirrored back, turned back about the frame's middle. */
function sourcePlaces({ frame: [top, bottom, left, right], top: cropTop, left: cropLeft, degrees, flip }: DepthCropPlan) {
  const [width, height] = [right - left, bottom - top];
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  return (x: number, y: number): readonly [column: number, row: number] => {
    const [mirrored, down] = [flip ? width - 1 - (x + cropLeft) : x + cropLeft, y + cropTop];
    if (degrees === 0) return [left + mirrored, top + down];
    const [dx, dy] = [mirrored - centreX, down - centreY];
    return [left + centreX + cos * dx - sin * dy, top + centreY + sin * dx + cos * dy];
  };
}

const contains = ([top, bottom, left, right]: PixelFrame, column: number, row: number) =>
  row >= top && row < bottom && column >= left && column < right;

/** A channel's value between pixels; outside the frame all is black. */
function bilinear({ data, width }: DepthPair["image"], frame: PixelFrame, column: number, row: number, channel: number): number {
  const [x, y] = [Math.floor(column), Math.floor(row)];
  const [shareX, shareY] = [column - x, row - y];
  const pixel = (px: number, py: number) => (contains(frame, px, py) ? data[3 * (py * width + px) + channel]! : 0);
  if (shareX === 0 && shareY === 0) return pixel(x, y);
  const above = (1 - shareX) * pixel(x, y) + shareX * pixel(x + 1, y);
  const below = (1 - shareX) * pixel(x, y + 1) + shareX * pixel(x + 1, y + 1);
  return (1 - shareY) * above + shareY * below;
}

/** What each of the 256 values of a channel becomes. */
function colorTables(recolor: DepthCropPlan["recolor"], { mean, standardDeviation }: Normalization): Float32Array[] {
  return [0, 1, 2].map((channel) =>
    Float32Array.from({ length: 256 }, (_, value) => {
      const share = value / 255;
      const changed = recolor ? Math.min(1, share ** recolor.gamma * recolor.factors[channel]!) : share;
      return (changed - mean[channel]!) / standardDeviation[channel]!;
    }),
  );
}
