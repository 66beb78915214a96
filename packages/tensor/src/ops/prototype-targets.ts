// The teacher's side of the prototypes: a head's last layer, weight-normalised without its weights being written out. No gradient.
//
// R rows, D width, K prototypes.
import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, kernel, product, unrecorded } from "./op.ts";
import type { Prototypes } from "./prototype-loss.ts";
import { weightNormScale } from "./weight-norm.ts";

/** Prototypes whose norms are known: weightNorm(v, g) = v times `scale`, row by row. */
export interface ScaledPrototypes {
  readonly v: tf.Tensor2D; // [K, D]
  readonly scale: tf.Tensor1D; // [K]
}

/** v stays the caller's; the scale is a tensor of its own. */
export function scaledPrototypes({ v, g }: Prototypes): ScaledPrototypes {
  assertShape(g.size === v.shape[0], () => `scaledPrototypes: g [${g.shape}] must be [${v.shape[0]}, 1] for v [${v.shape}].`);
  return { v, scale: unrecorded(() => weightNormScale({ v, g }, {})[0]) as tf.Tensor1D };
}

const run = kernel("PrototypeTargets", ({ x, v, scale, center }, { temperature }) => {
  const logits = tf.mul(product(x, v, false, true), tf.reshape(scale, [1, -1])); // [R, K]
  return [tf.softmax(tf.mul(tf.sub(logits, tf.reshape(center, [1, -1])), 1 / temperature))];
});

/**
 * Centred, sharpened probabilities of rows: softmax((logits - center) / temperature), logits = x weightNorm(v, g)ᵀ, in the
 * memory of one [R, K].
 *
 * @param x [R, D]
 * @param center [1, K]
 * @returns [R, K], a constant
 */
export function prototypeTargets(
  x: tf.Tensor2D,
  { v, scale }: ScaledPrototypes,
  center: tf.Tensor2D,
  temperature: number,
): tf.Tensor2D {
  assertShape(x.shape[1] === v.shape[1] && scale.size === v.shape[0] && center.size === v.shape[0], () =>
    `prototypeTargets: x [${x.shape}], v [${v.shape}], scale [${scale.shape}] and center [${center.shape}] do not fit [R, D], [K, D], [K], [1, K].`);
  assertFloat32("prototypeTargets", [x, v, scale, center]);
  return unrecorded(() => run({ x, v, scale, center: tf.reshape(center, [-1]) }, { temperature })[0]) as tf.Tensor2D;
}
