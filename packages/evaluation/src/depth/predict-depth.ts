// Depths of a whole picture, at its own size.

import { imagenetNormalization, type Normalization, type RgbImage } from "@dinov2/data";
import { tf } from "@dinov2/tensor";
import type { DepthProbe } from "./depth-probe.ts";

export interface PredictDepthOptions {
  readonly normalization?: Normalization;
  /** The mean of the answers to the picture and to its mirror image, as published. */
  readonly flip?: boolean;
}

/** Metres of every pixel, [height, width] row-major. */
export async function predictDepth(probe: DepthProbe, image: RgbImage, { normalization, flip = true }: PredictDepthOptions = {}): Promise<Float32Array> {
  const depths = tf.tidy(() => {
    const picture = tf.tensor4d(normalized(image, normalization), [1, 3, image.height, image.width]);
    const straight = probe.predict(picture);
    if (!flip) return straight;
    return tf.mul(tf.add(straight, tf.reverse(probe.predict(tf.reverse(picture, 3)), 2)), 0.5);
  });
  try {
    return (await depths.data()) as Float32Array;
  } finally {
    depths.dispose();
  }
}

/** [3, height, width] */
function normalized({ width, height, data }: RgbImage, { mean, standardDeviation }: Normalization = imagenetNormalization): Float32Array {
  const area = width * height;
  return Float32Array.from({ length: 3 * area }, (_, i) => {
    const channel = Math.floor(i / area);
    return (data[3 * (i % area) + channel]! / 255 - mean[channel]!) / standardDeviation[channel]!;
  });
}
