// The learned position embedding, resized to the patch grid at hand (`interpolate_pos_encoding` of
// `dinov2/models/vision_transformer.py`). M × M is the stored grid, h × w the wanted one, D the width.

import { InputError } from "@dinov2/foundation";
import { fullPrecision, tf } from "@dinov2/tensor";
import { cubicResizeWeights, type ResizeOptions } from "./cubic-resize.ts";
import type { PatchGrid } from "./patch-embed.ts";

export interface PositionEmbedding {
  /** [1, 1, D], the CLS token's own slot, which is never resized. */
  readonly cls: tf.Tensor3D;
  /** [1, h w, D] */
  readonly patches: tf.Tensor3D;
}

/** M of a stored embedding [1, 1 + M², D]. */
export function storedGridSide(shape: readonly number[]): number {
  const patchCount = (shape[1] ?? 0) - 1;
  const side = Math.round(Math.sqrt(patchCount));
  if (shape.length !== 3 || side < 1 || side * side !== patchCount) {
    throw new InputError(`pos_embed has the shape [${shape.join(", ")}]; expected [1, 1 + M², width] of a square grid.`);
  }
  return side;
}

/** Splits off the CLS slot, and resizes the others bicubically unless `grid` is the stored one. Differentiable. */
export function positionEmbedding(stored: tf.Tensor3D, grid: PatchGrid, options: ResizeOptions): PositionEmbedding {
  const side = storedGridSide(stored.shape);
  const width = stored.shape[2];
  const cls = tf.slice(stored, [0, 0, 0], [1, 1, width]);
  const patches = tf.slice(stored, [0, 1, 0], [1, side * side, width]);
  if (grid.height === side && grid.width === side) return { cls, patches };
  return { cls, patches: tf.tidy(() => fullPrecision(() => resizeGrid(patches, side, grid, options))) };
}

/** The whole embedding for another grid, [1, 1 + h w, D], as a forward at that size would make it. */
export function resizePositionEmbedding(stored: tf.Tensor3D, grid: PatchGrid, options: ResizeOptions): tf.Tensor3D {
  return tf.tidy(() => {
    const { cls, patches } = positionEmbedding(stored, grid, options);
    return tf.concat([cls, patches], 1);
  });
}

/** `out[i, j] = Σ_k Σ_l rows[i, k] columns[j, l] patches[k, l]`, all D channels at once. */
function resizeGrid(patches: tf.Tensor3D, side: number, grid: PatchGrid, options: ResizeOptions): tf.Tensor3D {
  const { height, width } = grid;
  const channels = patches.shape[2];
  const rows = tf.tensor2d(cubicResizeWeights(side, height, options), [height, side]);
  const columns = tf.tensor3d(cubicResizeWeights(side, width, options), [1, width, side]);
  const tall = tf.matMul(rows, tf.reshape(patches, [side, side * channels])); // [h, M D]
  // One column matrix serves every row: a batch of h products.
  const resized = tf.matMul(columns, tf.reshape(tall, [height, side, channels])); // [h, w, D]
  return tf.reshape(resized, [1, height * width, channels]);
}
