// Images and label maps at other sizes, of which only a window is made: a crop of a picture at three times its size costs no
// more than the crop.

import type { Rectangle } from "../augment/random-resized-crop.ts";
import type { RgbImage } from "../images.ts";
import type { LabelMap } from "./dense-dataset.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** The most that the longer and the shorter side may have. */
export type ScaleLimits = readonly [longer: number, shorter: number];

/** The largest size of the same aspect within `limits` times `ratio`, in whole pixels (mmsegmentation's `keep_ratio`). */
export function scaledSize({ width, height }: Size, limits: ScaleLimits, ratio = 1): Size {
  const [longer, shorter] = limits.map((limit) => Math.trunc(limit * ratio)) as [number, number];
  const factor = Math.min(longer / Math.max(width, height), shorter / Math.min(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** `window` of the image at `size`, bilinear without smoothing, as OpenCV's INTER_LINEAR. */
export function resizeImage(image: RgbImage, size: Size, window: Rectangle = whole(size)): RgbImage {
  const columns = taps(image.width, size.width, window.left, window.width, 3);
  const rows = taps(image.height, size.height, window.top, window.height, 3 * image.width);
  const { data: source } = image;
  const data = new Uint8Array(window.width * window.height * 3);
  for (let y = 0, at = 0; y < window.height; y++) {
    const [above, below, down] = [rows.before[y]!, rows.after[y]!, rows.share[y]!];
    for (let x = 0; x < window.width; x++) {
      const [left, right, across] = [columns.before[x]!, columns.after[x]!, columns.share[x]!];
      for (let channel = 0; channel < 3; channel++, at++) {
        const high = source[above + left + channel]! * (1 - across) + source[above + right + channel]! * across;
        const low = source[below + left + channel]! * (1 - across) + source[below + right + channel]! * across;
        data[at] = high * (1 - down) + low * down + 0.5;
      }
    }
  }
  return { width: window.width, height: window.height, data };
}

/** `window` of the map at `size`: the nearest label by the corners of pixels, as OpenCV's INTER_NEAREST. */
export function resizeLabels(map: LabelMap, size: Size, window: Rectangle = whole(size)): LabelMap {
  const nearest = (place: number, from: number, to: number) => Math.min(Math.floor((place * from) / to), from - 1);
  const columns = Int32Array.from({ length: window.width }, (_, x) => nearest(window.left + x, map.width, size.width));
  const labels = new Uint8Array(window.width * window.height);
  for (let y = 0, at = 0; y < window.height; y++) {
    const row = nearest(window.top + y, map.height, size.height) * map.width;
    for (let x = 0; x < window.width; x++) labels[at++] = map.labels[row + columns[x]!]!;
  }
  return { width: window.width, height: window.height, labels };
}

const whole = ({ width, height }: Size): Rectangle => ({ top: 0, left: 0, width, height });

/** For each place of a window the two places that it lies between, as offsets, and how near it is to the second. */
function taps(from: number, to: number, start: number, count: number, step: number) {
  const [before, after, share] = [new Int32Array(count), new Int32Array(count), new Float64Array(count)];
  for (let i = 0; i < count; i++) {
    const place = Math.min(Math.max(((start + i + 0.5) * from) / to - 0.5, 0), from - 1);
    const first = Math.floor(place);
    before[i] = first * step;
    after[i] = Math.min(first + 1, from - 1) * step;
    share[i] = place - first;
  }
  return { before, after, share };
}
