import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, kernel, unrecorded } from "./op.ts";

// The official code starts from exp(t/T) divided by its sum, and overflows in float32 where t/T > 88.
// The first step divides each prototype by its own sum, so any factor per prototype cancels there: the
// largest logit of each prototype is subtracted first, and the division by the total is left out.
// Q = diag(u) E diag(v) all along, so an iteration only updates the two vectors.
const run = kernel("SinkhornKnopp", ({ logits }, { temperature, iterations }) => {
  const [samples, prototypes] = logits.shape as [number, number];
  const e = tf.exp(tf.mul(tf.sub(logits, tf.max(logits, 0, true)), 1 / temperature)); // [R, K]
  let u: tf.Tensor = tf.ones([1, samples]);
  let v: tf.Tensor = tf.ones([prototypes, 1]);
  for (let i = 0; i < iterations; i++) {
    v = tf.reshape(tf.reciprocal(tf.mul(tf.matMul(u as tf.Tensor2D, e as tf.Tensor2D), prototypes)), [prototypes, 1]);
    u = tf.reshape(tf.reciprocal(tf.mul(tf.matMul(e as tf.Tensor2D, v as tf.Tensor2D), samples)), [1, samples]);
  }
  const scale = tf.mul(tf.reshape(u, [samples, 1]), samples);
  return [tf.mul(tf.mul(e, tf.reshape(v, [1, prototypes])), scale)];
});

/**
 * Sinkhorn-Knopp assignment of samples to prototypes (arXiv 2006.09882; dinov2/loss/dino_clstoken_loss.py):
 * with Q = exp(logits / temperature) scaled to sum 1, `iterations` times {each prototype's sum becomes
 * 1/K, then each sample's sum becomes 1/R}; the result is R Q, so that each row sums to 1. No gradient.
 *
 * @param logits [R, K], of R samples and K prototypes
 * @param iterations at least 1
 * @returns [R, K]
 */
export function sinkhornKnopp(logits: tf.Tensor2D, temperature: number, iterations = 3): tf.Tensor2D {
  assertShape(iterations >= 1, () => `sinkhornKnopp: ${iterations} iterations; at least 1 is needed.`);
  assertFloat32("sinkhornKnopp", [logits]);
  return unrecorded(() => run({ logits }, { temperature, iterations })[0]) as tf.Tensor2D;
}
