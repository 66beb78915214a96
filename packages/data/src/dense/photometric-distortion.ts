// Random changes of a picture's colours, as in SSD (arXiv 1512.02325) and mmsegmentation: each of them happens half of the time.

import type { RandomStream } from "@dinov2/foundation";
import type { RgbImage } from "../images.ts";

export interface DistortionOptions {
  /** Levels added to all channels, to either side. */
  readonly brightness: number;
  /** A factor of all channels. */
  readonly contrast: readonly [number, number];
  /** A factor of the saturation (HSV). */
  readonly saturation: readonly [number, number];
  /** Steps of 2 degrees to either side. */
  readonly hue: number;
}

export const publishedDistortion: DistortionOptions = { brightness: 32, contrast: [0.5, 1.5], saturation: [0.5, 1.5], hue: 18 };

export interface DistortionPlan {
  readonly brightness: number;
  readonly contrast: number;
  /** Contrast comes before saturation and hue, or behind. */
  readonly contrastFirst: boolean;
  readonly saturation: number;
  readonly hueDegrees: number;
}

export function drawDistortion({ brightness, contrast, saturation, hue }: DistortionOptions, random: RandomStream): DistortionPlan {
  const maybe = (draw: () => number, otherwise: number) => (random.bernoulli(0.5) ? draw() : otherwise);
  return {
    brightness: maybe(() => random.uniform(-brightness, brightness), 0),
    contrastFirst: random.bernoulli(0.5),
    contrast: maybe(() => random.uniform(...contrast), 1),
    saturation: maybe(() => random.uniform(...saturation), 1),
    hueDegrees: 2 * maybe(() => random.integer(2 * hue) - hue, 0),
  };
}

/** Changes a picture in place; levels are whole and limited to 0..255 after each step. */
export function distort({ data }: RgbImage, plan: DistortionPlan): void {
  const light = levels((value) => value + plan.brightness);
  const contrast = levels((value) => value * plan.contrast);
  const [before, after] = plan.contrastFirst ? [light.map((value) => contrast[value]!), levels((value) => value)] : [light, contrast];
  const hasColors = plan.saturation !== 1 || plan.hueDegrees !== 0;
  for (let i = 0; i < data.length; i++) data[i] = before[data[i]!]!;
  for (let i = 0; hasColors && i < data.length; i += 3) changeColor(data, i, plan);
  for (let i = 0; i < data.length; i++) data[i] = after[data[i]!]!;
}

const levels = (change: (value: number) => number) => Uint8Array.from({ length: 256 }, (_, value) => limit(change(value)));
const limit = (value: number) => Math.min(255, Math.max(0, Math.trunc(value)));

/** One pixel's saturation and hue. In HSV the largest channel stays, and the others lie below it by the chroma. */
function changeColor(data: Uint8Array, at: number, { saturation, hueDegrees }: DistortionPlan): void {
  const [red, green, blue] = [data[at]!, data[at + 1]!, data[at + 2]!];
  const value = Math.max(red, green, blue);
  const chroma = value - Math.min(red, green, blue);
  if (chroma === 0) return;
  // In sixths of the colour circle, from red.
  const hue =
    value === red ? (green - blue) / chroma
    : value === green ? 2 + (blue - red) / chroma
    : 4 + (red - green) / chroma;
  const turned = hue + hueDegrees / 60;
  const newChroma = Math.min(value, chroma * saturation);
  for (let channel = 0; channel < 3; channel++) {
    // How far the channel's own colour lies from the hue: within a sixth it is the largest one, beyond two it is the smallest.
    const place = (((turned - 2 * channel) % 6) + 6) % 6;
    const distance = Math.min(place, 6 - place);
    data[at + channel] = value - newChroma * Math.min(1, Math.max(0, distance - 1)) + 0.5;
  }
}
