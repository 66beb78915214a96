import * as tf from "@tensorflow/tfjs-core";
import { assertShape, differentiable, kernel } from "./op.ts";
import { assertIndices, scatterRows, takeRows } from "./rows.ts";

const scaleBy = (x: tf.Tensor, gamma: tf.Tensor | undefined, scale: number) =>
  tf.mul(gamma ? tf.mul(x, gamma) : x, scale);

const flatten = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, -1]);

const forward = kernel("AddResidualSubset", ({ x, residual, gamma }, { indices, scale }) => {
  const update = scatterRows(flatten(scaleBy(residual, gamma, scale)), indices, x.shape[0]!);
  return [tf.add(x, tf.reshape(update, x.shape))];
});

const backward = kernel("AddResidualSubsetGrad", ({ dy, residual, gamma }, { indices, scale }) => {
  const dKept = tf.reshape(takeRows(flatten(dy), indices), residual.shape);
  const dResidual = scaleBy(dKept, gamma, scale);
  if (!gamma) return [dResidual];
  return [dResidual, tf.mul(tf.sum(tf.mul(dKept, residual), [0, 1]), scale)];
});

/** x [R, D] with scale * gamma * residual [K, D] added at `rows`; a scale for each row or one for all. Unrecorded use only. */
export function addSubset(
  x: tf.Tensor2D,
  residual: tf.Tensor,
  { rows, scale }: { readonly rows: Int32Array; readonly scale: number | Float32Array },
  gamma: tf.Tensor | null,
): tf.Tensor {
  const asSamples = (tensor: tf.Tensor) => tf.reshape(tensor, [-1, 1, x.shape[1]]);
  const common = typeof scale === "number";
  const scaled = common ? residual : tf.mul(residual, tf.tensor2d(scale, [scale.length, 1]));
  const inputs = { x: asSamples(x), residual: asSamples(scaled), ...(gamma ? { gamma } : {}) };
  return tf.reshape(forward(inputs, { indices: rows, scale: common ? scale : 1 })[0], x.shape);
}

/**
 * The end of a residual branch that ran on a subset of the batch (stochastic depth,
 * arXiv 2304.07193 section 5; dinov2/layers/block.py): x[indices] += scale * gamma * residual.
 *
 * @param x [B, N, D]
 * @param residual [K, N, D]
 * @param indices the K distinct samples that ran
 * @param gamma [D] of LayerScale, or null
 * @param scale makes up for the samples left out (B / K in the method)
 * @returns [B, N, D]
 */
export function addResidualSubset(
  x: tf.Tensor3D,
  residual: tf.Tensor3D,
  indices: Int32Array,
  gamma: tf.Tensor | null,
  scale: number,
): tf.Tensor3D {
  assertIndices("addResidualSubset", indices, x.shape[0]);
  assertShape(new Set(indices).size === indices.length, () => "addResidualSubset: an index is there twice.");
  assertShape(tf.util.arraysEqual(residual.shape, [indices.length, x.shape[1], x.shape[2]]), () =>
    `addResidualSubset: residual [${residual.shape}] must be ${indices.length} samples of x [${x.shape}].`);
  const attributes = { indices, scale };
  const result = differentiable<tf.Tensor[]>(
    "addResidualSubset",
    gamma ? [x, residual, gamma] : [x, residual],
    () => ({
      value: forward(gamma ? { x, residual, gamma } : { x, residual }, attributes)[0],
      saved: gamma ? [residual, gamma] : [residual],
    }),
    (dy, [residual, gamma]) => {
      const inputs = { dy, residual: residual! };
      const [dResidual, dGamma] = backward(gamma ? { ...inputs, gamma } : inputs, attributes);
      return [tf.clone(dy), dResidual, ...(dGamma ? [dGamma] : [])];
    },
  );
  return result as tf.Tensor3D;
}
