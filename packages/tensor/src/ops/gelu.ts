import * as tf from "@tensorflow/tfjs-core";
import { differentiable, kernel } from "./op.ts";

/** The standard normal distribution function Φ(x). */
function normalCdf(x: tf.Tensor): tf.Tensor {
  return tf.mul(tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1), 0.5);
}

/** x Φ(x), the portable definition that linear shares. */
export const geluForward = kernel("GeluFused", ({ x }) => [tf.mul(x, normalCdf(x))]);

/** dy (Φ(x) + x φ(x)), φ the standard normal density. */
export const geluBackward = kernel("GeluFusedGrad", ({ dy, x }) => {
  const density = tf.mul(tf.exp(tf.mul(tf.square(x), -0.5)), 1 / Math.sqrt(2 * Math.PI));
  return [tf.mul(dy, tf.add(normalCdf(x), tf.mul(x, density)))];
});

/** The exact GELU (with erf, as torch.nn.GELU), elementwise over any shape. */
export function gelu(x: tf.Tensor): tf.Tensor {
  return differentiable(
    "gelu",
    [x],
    () => ({ value: geluForward({ x }, {})[0], saved: [x] }),
    (dy, [x]) => [geluBackward({ dy, x }, {})[0]],
  );
}
