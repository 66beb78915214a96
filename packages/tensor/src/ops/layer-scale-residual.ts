import * as tf from "@tensorflow/tfjs-core";
import { asRows, assertShape, differentiable, kernel } from "./op.ts";

const forward = kernel("LayerScaleResidual", ({ x, residual, gamma }) => [tf.add(x, tf.mul(residual, gamma))]);

const backward = kernel("LayerScaleResidualGrad", ({ dy, residual, gamma }) => [
  tf.mul(dy, gamma),
  tf.sum(tf.mul(dy, residual), 0),
]);

/** x + residual * gamma of rows [R, D], gamma [D] or null. Unrecorded use only. */
export const addScaled = (x: tf.Tensor, residual: tf.Tensor, gamma: tf.Tensor | null): tf.Tensor =>
  gamma ? forward({ x, residual, gamma }, {})[0] : tf.add(x, residual);

/**
 * x + residual * gamma, the end of a residual branch with its LayerScale (arXiv 2103.17239).
 * @param x [..., D]
 * @param residual the shape of x
 * @param gamma [D], or null for a branch without LayerScale
 * @returns the shape of x
 */
export function layerScaleResidual(x: tf.Tensor, residual: tf.Tensor, gamma: tf.Tensor | null): tf.Tensor {
  assertShape(tf.util.arraysEqual(x.shape, residual.shape), () =>
    `layerScaleResidual: x [${x.shape}] and residual [${residual.shape}] differ in shape.`);
  if (gamma === null) return plainResidual(x, residual);
  return differentiable(
    "layerScaleResidual",
    [x, residual, gamma],
    () => {
      const y = addScaled(asRows(x), asRows(residual), gamma);
      return { value: tf.reshape(y, x.shape), saved: [residual, gamma] };
    },
    (dy, [residual, gamma]) => {
      const [dResidual, dGamma] = backward({ dy: asRows(dy), residual: asRows(residual), gamma }, {});
      return [tf.clone(dy), tf.reshape(dResidual, dy.shape), dGamma];
    },
  );
}

/** tf.add of equal shapes, without the two operands that TF.js would keep for its gradient. */
function plainResidual(x: tf.Tensor, residual: tf.Tensor): tf.Tensor {
  return differentiable(
    "layerScaleResidual",
    [x, residual],
    () => ({ value: tf.add(x, residual), saved: [] }),
    (dy) => [tf.clone(dy), tf.clone(dy)],
  );
}
