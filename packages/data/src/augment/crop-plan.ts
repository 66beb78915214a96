import type { RandomStream } from "@dinov2/foundation";
import { drawCropRectangle, type Rectangle } from "./random-resized-crop.ts";

export const jitterOperations = ["brightness", "contrast", "saturation", "hue"] as const;
export type JitterOperation = (typeof jitterOperations)[number];

/** Colour jitter with its draws made: the operations in this order, each with its amount. */
export interface JitterPlan {
  readonly order: readonly JitterOperation[];
  /** Factors around 1. */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  /** Turns of the colour wheel, -0.5..0.5. */
  readonly hue: number;
}

/**
 * One crop with every random choice made, in the order it is carried out: rectangle of the picture, resized to
 * `outputWidth` x `outputHeight`, flipped, jittered, grey, blurred, solarised.
 */
export interface CropPlan {
  readonly rectangle: Rectangle;
  readonly outputWidth: number;
  readonly outputHeight: number;
  readonly flip: boolean;
  readonly jitter: JitterPlan | null;
  readonly gray: boolean;
  /** Standard deviation of the Gaussian in output pixels; null leaves the crop sharp. */
  readonly blurSigma: number | null;
  /** Values from this one on are inverted; null leaves them. */
  readonly solarizeThreshold: number | null;
}

/** How often and how strongly a kind of crop is changed. Probabilities are those with which the change happens. */
export interface CropDistribution {
  readonly size: number;
  readonly scale: readonly [number, number];
  readonly aspectRatio: readonly [number, number];
  readonly flipProbability: number;
  readonly jitterProbability: number;
  /** Half-widths: factors from U(1 - x, 1 + x), hue from U(-x, x). */
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  readonly grayProbability: number;
  readonly blurProbability: number;
  readonly blurSigma: readonly [number, number];
  readonly solarizeProbability: number;
  readonly solarizeThreshold: number;
}

/** Draws one crop of a picture of `width` x `height` pixels. */
export function drawCropPlan(
  distribution: CropDistribution,
  width: number,
  height: number,
  random: RandomStream,
): CropPlan {
  return {
    rectangle: drawCropRectangle(width, height, distribution, random),
    outputWidth: distribution.size,
    outputHeight: distribution.size,
    flip: random.bernoulli(distribution.flipProbability),
    jitter: random.bernoulli(distribution.jitterProbability) ? drawJitter(distribution, random) : null,
    gray: random.bernoulli(distribution.grayProbability),
    blurSigma: random.bernoulli(distribution.blurProbability) ? random.uniform(...distribution.blurSigma) : null,
    solarizeThreshold: random.bernoulli(distribution.solarizeProbability) ? distribution.solarizeThreshold : null,
  };
}

function drawJitter(amounts: CropDistribution, random: RandomStream): JitterPlan {
  // As torchvision's ColorJitter: a factor is never negative.
  const factor = (halfWidth: number) => random.uniform(Math.max(0, 1 - halfWidth), 1 + halfWidth);
  return {
    order: random.shuffle([...jitterOperations]),
    brightness: factor(amounts.brightness),
    contrast: factor(amounts.contrast),
    saturation: factor(amounts.saturation),
    hue: random.uniform(-amounts.hue, amounts.hue),
  };
}
