import * as tf from "@tensorflow/tfjs-core";
import { assertShape, differentiable, kernel } from "./op.ts";

const column = (x: tf.Tensor) => tf.reshape(x, [-1, 1]);

const forward = kernel("WeightNorm", ({ v, g }) => {
  const norm = tf.sqrt(tf.sum(tf.square(v), 1));
  return [tf.mul(v, tf.div(g, column(norm))), norm];
});

// With u = v / ||v||: dg = dy·u and dv = g / ||v|| (dy - u (dy·u)).
export const weightNormBackward = kernel("WeightNormGrad", ({ dy, v, g, norm }) => {
  const length = column(norm);
  const unit = tf.div(v, length);
  const dg = tf.sum(tf.mul(dy, unit), 1, true);
  return [tf.mul(tf.sub(dy, tf.mul(unit, dg)), tf.div(g, length)), dg];
});

/** What each row of v is to be multiplied by, g / ||v||, and ||v||. Unrecorded use only. */
export const weightNormScale = kernel("WeightNormScale", ({ v, g }) => {
  const norm = tf.sqrt(tf.sum(tf.square(v), 1));
  return [tf.div(tf.reshape(g, [-1]), norm), norm];
});

/**
 * g v / ||v|| of each row, as torch.nn.utils.weight_norm with dim 0 (arXiv 1602.07868).
 * @param v [K, D], no row all zero
 * @param g [K, 1]
 * @returns [K, D]
 */
export function weightNorm(v: tf.Tensor2D, g: tf.Tensor2D): tf.Tensor2D {
  assertShape(g.size === v.shape[0], () => `weightNorm: g [${g.shape}] must be [${v.shape[0]}, 1] for v [${v.shape}].`);
  return differentiable(
    "weightNorm",
    [v, g],
    () => {
      const [w, norm] = forward({ v, g }, {});
      return { value: w, saved: [v, g, norm] };
    },
    (dy, [v, g, norm]) => weightNormBackward({ dy, v, g, norm }, {}),
  ) as tf.Tensor2D;
}
