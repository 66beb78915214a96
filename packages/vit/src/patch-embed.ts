// Images to patch tokens. A convolution whose kernel equals its stride is a linear map of flattened patches,
// so that is what runs here: one rearrangement and one matrix product, with the official convolution's weight.
// B images, C channels, p patch size, h × w patches, N = h w, D width.

import { InputError } from "@dinov2/foundation";
import { linear, tf } from "@dinov2/tensor";
import { parameter, type ParameterMap } from "./parameters.ts";

export interface PatchGrid {
  /** Rows of patches. */
  readonly height: number;
  /** Patches in a row. */
  readonly width: number;
}

/** The grid of patches of [B, C, H, W] images; an InputError unless patches tile them. */
export function patchGrid(shape: readonly number[], patchSize: number, inChannels: number): PatchGrid {
  const [, channels, height = 0, width = 0] = shape;
  if (shape.length !== 4 || channels !== inChannels) {
    throw new InputError(`Images have the shape [${shape.join(", ")}]; expected [batch, ${inChannels}, height, width].`);
  }
  for (const [side, pixels] of [["height", height], ["width", width]] as const) {
    if (pixels === 0 || pixels % patchSize !== 0) {
      throw new InputError(`Image ${side} ${pixels} is not a multiple of patch size ${patchSize}; resize or crop it.`);
    }
  }
  return { height: height / patchSize, width: width / patchSize };
}

/** Tokens [B N, D] of images [B, C, h p, w p], image by image, rows of patches first. */
export function patchEmbed(images: tf.Tensor4D, grid: PatchGrid, parameters: ParameterMap): tf.Tensor2D {
  const [batch, channels] = images.shape;
  const weight = parameter<tf.Rank.R4>(parameters, "patch_embed.proj.weight"); // [D, C, p, p]
  const [width, , patchSize] = weight.shape;
  const fanIn = channels * patchSize * patchSize;
  return tf.tidy(() => {
    // [B, C, h, p, w, p] → [B, h, w, C, p, p] by two swaps of neighbours: TF.js moves four axes fast, six slowly.
    const bands = tf.transpose(tf.reshape(images, [batch, channels, grid.height, -1]), [0, 2, 1, 3]); // [B, h, C, p w p]
    const lines = tf.reshape(bands, [batch * grid.height, channels * patchSize, grid.width, patchSize]);
    const patches = tf.transpose(lines, [0, 2, 1, 3]); // [B h, w, C p, p]
    return linear(
      tf.reshape(patches, [batch * grid.height * grid.width, fanIn]),
      tf.reshape(weight, [width, fanIn]),
      parameter(parameters, "patch_embed.proj.bias"),
    ) as tf.Tensor2D;
  });
}
