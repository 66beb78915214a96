import * as tf from "@tensorflow/tfjs-core";
import { asRows, assertShape, differentiable, kernel } from "./op.ts";

const halves = (x: tf.Tensor) => tf.split(x, 2, 1) as [tf.Tensor, tf.Tensor];

export const swigluForward = kernel("SwigluFused", ({ x }) => {
  const [gate, value] = halves(x);
  return [tf.mul(tf.mul(gate, tf.sigmoid(gate)), value)];
});

export const swigluBackward = kernel("SwigluFusedGrad", ({ dy, x }) => {
  const [gate, value] = halves(x);
  const sigmoid = tf.sigmoid(gate);
  const silu = tf.mul(gate, sigmoid);
  const dSilu = tf.add(sigmoid, tf.mul(silu, tf.sub(1, sigmoid)));
  return [tf.concat([tf.mul(tf.mul(dy, value), dSilu), tf.mul(dy, silu)], 1)];
});

/**
 * silu(first half) * second half of the last axis (arXiv 2002.05202; dinov2/layers/swiglu_ffn.py).
 * @param x [..., 2H]
 * @returns [..., H]
 */
export function swiglu(x: tf.Tensor): tf.Tensor {
  const width = x.shape.at(-1)!;
  assertShape(width % 2 === 0, () => `swiglu: the last axis of x [${x.shape}] must be even.`);
  return differentiable(
    "swiglu",
    [x],
    () => {
      const [y] = swigluForward({ x: asRows(x) }, {});
      return { value: tf.reshape(y, [...x.shape.slice(0, -1), width / 2]), saved: [x] };
    },
    (dy, [x]) => [tf.reshape(swigluBackward({ dy: asRows(dy), x: asRows(x) }, {})[0], x.shape)],
  );
}
