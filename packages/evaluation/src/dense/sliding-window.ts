// Large images in windows: what a network answers where windows overlap is averaged. Legend: H × W pixels, K channels of the answer.

import { tf } from "@dinov2/tensor";

export interface WindowOptions {
  /** Side of the square windows. */
  readonly size: number;
  /** From one window to the next; at most the size. */
  readonly stride: number;
}

/** [top, left, bottom, right] in pixels, the ends exclusive. */
export type Window = readonly [top: number, left: number, bottom: number, right: number];

/** Row by row; the last of a row or column is moved inwards to end with the image. A smaller image is one smaller window. */
export function slidingWindows(height: number, width: number, { size, stride }: WindowOptions): Window[] {
  return spans(height, size, stride).flatMap(([top, bottom]) =>
    spans(width, size, stride).map(([left, right]) => [top, left, bottom, right] as const));
}

function spans(length: number, size: number, stride: number): [start: number, end: number][] {
  const count = Math.ceil(Math.max(length - size, 0) / stride) + 1;
  return Array.from({ length: count }, (_, i) => {
    const end = Math.min(i * stride + size, length);
    return [Math.max(end - size, 0), end];
  });
}

/**
 * `answer` to each window of images [B, C, H, W], put together: sums over the windows, divided by how many saw the pixel.
 * @param answer [B, C, h, w] to [B, h, w, K]
 * @returns [B, H, W, K]
 */
export function slide(images: tf.Tensor4D, options: WindowOptions, answer: (window: tf.Tensor4D) => tf.Tensor4D): tf.Tensor4D {
  const [batch, channels, height, width] = images.shape;
  const windows = slidingWindows(height, width, options);
  if (windows.length === 1) return tf.tidy(() => answer(images));
  const place = ([top, left, bottom, right]: Window): tf.Tensor4D =>
    tf.tidy(() => {
      const window = tf.slice(images, [0, 0, top, left], [batch, channels, bottom - top, right - left]);
      return tf.pad(answer(window), [[0, 0], [top, height - bottom], [left, width - right], [0, 0]]);
    });
  const sum = windows.slice(1).reduce((total, window) => tf.tidy(() => {
    const more = tf.add(total, place(window)) as tf.Tensor4D;
    total.dispose();
    return more;
  }), place(windows[0]!));
  return tf.tidy(() => {
    const mean = tf.div(sum, tf.tensor(windowCounts(height, width, windows), [1, height, width, 1])) as tf.Tensor4D;
    sum.dispose();
    return mean;
  });
}

/** [H, W] how many windows see each pixel. */
function windowCounts(height: number, width: number, windows: readonly Window[]): Float32Array {
  const counts = new Float32Array(height * width);
  for (const [top, left, bottom, right] of windows) {
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) counts[y * width + x]! += 1;
    }
  }
  return counts;
}
