import * as tf from "@tensorflow/tfjs-core";
import { asRows, assertShape, differentiable, kernel } from "./op.ts";

/** Of rows [R, D]; `layerNormLinear` shares it. */
export const layerNormForward = kernel("LayerNormFused", ({ x, weight, bias }, { epsilon }) => {
  const mean = tf.mean(x, 1, true);
  const centered = tf.sub(x, mean);
  const rstd = tf.rsqrt(tf.add(tf.mean(tf.square(centered), 1, true), epsilon));
  const y = tf.add(tf.mul(tf.mul(centered, rstd), weight), bias);
  return [y, tf.reshape(mean, [-1]), tf.reshape(rstd, [-1])];
});

export const layerNormBackward = kernel("LayerNormFusedGrad", ({ dy, x, weight, mean, rstd }) => {
  const scale = tf.reshape(rstd, [-1, 1]);
  const normalized = tf.mul(tf.sub(x, tf.reshape(mean, [-1, 1])), scale);
  const dNormalized = tf.mul(dy, weight);
  const along = tf.mean(tf.mul(dNormalized, normalized), 1, true);
  const dx = tf.mul(tf.sub(tf.sub(dNormalized, tf.mean(dNormalized, 1, true)), tf.mul(normalized, along)), scale);
  return [dx, tf.sum(tf.mul(dy, normalized), 0), tf.sum(dy, 0)];
});

/**
 * Layer normalisation over the last axis, as torch.nn.LayerNorm (biased variance).
 * @param x [..., D]
 * @param weight [D]
 * @param bias [D]
 * @returns [..., D]
 */
export function layerNorm(x: tf.Tensor, weight: tf.Tensor, bias: tf.Tensor, epsilon: number): tf.Tensor {
  const width = x.shape.at(-1);
  assertShape(weight.size === width && bias.size === width, () =>
    `layerNorm: weight [${weight.shape}] and bias [${bias.shape}] must be [${width}] for x [${x.shape}].`);
  return differentiable(
    "layerNorm",
    [x, weight, bias],
    () => {
      const [y, mean, rstd] = layerNormForward({ x: asRows(x), weight, bias }, { epsilon });
      return { value: tf.reshape(y, x.shape), saved: [x, weight, mean, rstd] };
    },
    (dy, [x, weight, mean, rstd]) => {
      const [dx, dWeight, dBias] = layerNormBackward({ dy: asRows(dy), x: asRows(x), weight, mean, rstd }, {});
      return [tf.reshape(dx, x.shape), dWeight, dBias];
    },
  );
}
