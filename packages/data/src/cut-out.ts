import type { Rectangle } from "./augment/random-resized-crop.ts";

/** The numbers of a rectangle of a picture, which lies in it: [height, width, channels] of `values` that are `width` places wide. */
export function cutOut<Values extends Uint8Array | Float32Array>(values: Values, width: number, channels: number, part: Rectangle): Values {
  const row = part.width * channels;
  const result = values.slice(0, part.height * row) as Values;
  for (let y = 0; y < part.height; y++) {
    const start = ((part.top + y) * width + part.left) * channels;
    result.set(values.subarray(start, start + row), y * row);
  }
  return result;
}
