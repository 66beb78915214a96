// From images to the token sequences that enter the first block.
// B images, N patches of one image, R registers, D width, n = 1 + R + N tokens of one image.

import { InputError } from "@dinov2/foundation";
import { fullPrecision, tf } from "@dinov2/tensor";
import type { VisionTransformerConfig } from "./config.ts";
import { parameter, type ParameterMap } from "./parameters.ts";
import { patchEmbed, patchGrid } from "./patch-embed.ts";
import { positionEmbedding } from "./position-embedding.ts";

/** Images of one size, with the patches that are masked out for the iBOT task. */
export interface Crops {
  /** [B, C, H, W], normalised. */
  readonly images: tf.Tensor4D;
  /** bool [B, N], true where the mask token takes the patch's place. */
  readonly masks?: tf.Tensor2D | null;
}

export interface TokenSequences {
  /** [B n, D]: per image CLS, registers, patches. */
  readonly tokens: tf.Tensor2D;
  readonly batch: number;
  /** n */
  readonly length: number;
}

/**
 * Patch embedding → mask token in place of masked patches → CLS in front → position embedding added
 * (masked patches get theirs too) → registers between CLS and patches, which get none.
 */
export function prepareTokens(crops: Crops, config: VisionTransformerConfig, parameters: ParameterMap): TokenSequences {
  const { images } = crops;
  const grid = patchGrid(images.shape, config.patchSize, config.inChannels);
  const batch = images.shape[0];
  const patchCount = grid.height * grid.width;
  const width = config.embedDim;
  const tokens = tf.tidy(() => {
    const embedded = maskPatches(patchEmbed(images, grid, parameters), crops.masks, [batch, patchCount], parameters);
    const position = positionEmbedding(parameter(parameters, "pos_embed"), grid, {
      antialias: config.interpolateAntialias,
      offset: config.interpolateOffset,
    });
    const patches = tf.add(tf.reshape(embedded, [batch, patchCount, width]), position.patches);
    const prefix = repeatOverBatch(prefixTokens(position.cls, config, parameters), batch);
    return tf.reshape(tf.concat([prefix, patches], 1), [-1, width]) as tf.Tensor2D;
  });
  return { tokens, batch, length: 1 + config.numRegisterTokens + patchCount };
}

/** CLS with its position, then the registers: [1, 1 + R, D]. */
function prefixTokens(clsPosition: tf.Tensor3D, config: VisionTransformerConfig, parameters: ParameterMap): tf.Tensor3D {
  const cls = tf.add<tf.Tensor3D>(parameter<tf.Rank.R3>(parameters, "cls_token"), clsPosition);
  if (config.numRegisterTokens === 0) return cls;
  return tf.concat([cls, parameter<tf.Rank.R3>(parameters, "register_tokens")], 1);
}

/** [1, P, D] → [B, P, D]. An addition, because its gradient is one sum; that of `tf.tile` is B slices. */
const repeatOverBatch = (prefix: tf.Tensor3D, batch: number): tf.Tensor3D =>
  tf.add(tf.zeros([batch, prefix.shape[1], prefix.shape[2]]), prefix);

/** Writes the mask token over the masked rows of [B N, D]. */
function maskPatches(
  patches: tf.Tensor2D,
  masks: tf.Tensor2D | null | undefined,
  [batch, patchCount]: readonly [number, number],
  parameters: ParameterMap,
): tf.Tensor2D {
  if (!masks) return patches;
  if (masks.shape[0] !== batch || masks.shape[1] !== patchCount) {
    throw new InputError(
      `Masks have the shape [${masks.shape.join(", ")}]; these images need [${batch}, ${patchCount}], one entry per patch.`,
    );
  }
  const masked = tf.reshape(tf.cast(masks, "float32"), [-1, 1]);
  // Products, not tf.where, whose gradient would broadcast the token to every patch first.
  const token = fullPrecision(() => tf.matMul(masked, parameter<tf.Rank.R2>(parameters, "mask_token")));
  return tf.add(tf.mul(patches, tf.sub(1, masked)), token);
}
