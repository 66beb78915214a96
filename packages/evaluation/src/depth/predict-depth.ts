// Depths of a whole picture, at its own size.

import { normalizePlanes, type Normalization, type RgbImage } from "@dinov2/data";
import { tf } from "@dinov2/tensor";
import type { DepthProbe } from "./depth-probe.ts";

export interface PredictDepthOptions {
  readonly normalization?: Normalization;
  /** The mean of the answers to the picture and to its mirror image, as published. */
  readonly flip?: boolean;
}

/** Metres of every pixel, [height, width] row-major. */
export async function predictDepth(probe: DepthProbe, image: RgbImage, { normalization, flip = true }: PredictDepthOptions = {}): Promise<Float32Array> {
  const values = new Float32Array(3 * image.height * image.width);
  normalizePlanes(image, image, values, normalization);
  const depths = tf.tidy(() => {
    const picture = tf.tensor4d(values, [1, 3, image.height, image.width]);
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
