import * as tf from "@tensorflow/tfjs-core";
import { assertShape, differentiable, kernel } from "./op.ts";
import { assertIndices, scatterRows, takeRows } from "./rows.ts";

const flatten = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, -1]);

/** [K, N, D], each sample times its scale, and all times gamma. */
const scaleBy = (x: tf.Tensor, gamma: tf.Tensor | undefined, scales: Float32Array) =>
  tf.mul(gamma ? tf.mul(x, gamma) : x, tf.tensor3d(scales, [scales.length, 1, 1]));

const forward = kernel("AddResidualSubset", ({ x, residual, gamma }, { indices, scales }) => {
  const update = scatterRows(flatten(scaleBy(residual, gamma, scales)), indices, x.shape[0]!);
  return [tf.add(x, tf.reshape(update, x.shape))];
});

const backward = kernel("AddResidualSubsetGrad", ({ dy, residual, gamma }, { indices, scales }) => {
  const dKept = tf.reshape(takeRows(flatten(dy), indices), residual.shape);
  const dResidual = scaleBy(dKept, gamma, scales);
  if (!gamma) return [dResidual];
  return [dResidual, tf.sum(scaleBy(tf.mul(dKept, residual), undefined, scales), [0, 1])];
});

/** One scale a sample. */
export const scalesOf = (scale: number | Float32Array, samples: number) =>
  typeof scale === "number" ? new Float32Array(samples).fill(scale) : scale;

/** x [R, D] with scale * gamma * residual [K, D] added at `rows`; a scale for each row or one for all. Unrecorded use only. */
export function addSubset(
  x: tf.Tensor2D,
  residual: tf.Tensor,
  { rows, scale }: { readonly rows: Int32Array; readonly scale: number | Float32Array },
  gamma: tf.Tensor | null,
): tf.Tensor {
  const asSamples = (tensor: tf.Tensor) => tf.reshape(tensor, [-1, 1, x.shape[1]]);
  const inputs = { x: asSamples(x), residual: asSamples(residual), ...(gamma ? { gamma } : {}) };
  return tf.reshape(forward(inputs, { indices: rows, scales: scalesOf(scale, rows.length) })[0], x.shape);
}

/**
 * The end of a residual branch that ran on a subset of the batch (stochastic depth,
 * arXiv 2304.07193 section 5; dinov2/layers/block.py): x[indices] += scale * gamma * residual.
 *
 * @param x [B, N, D]
 * @param residual [K, N, D]
 * @param indices the K distinct samples that ran
 * @param gamma [D] of LayerScale, or null
 * @param scale makes up for the samples left out (B / K in the method); one for all, or one for each of the K
 * @returns [B, N, D]
 */
export function addResidualSubset(
  x: tf.Tensor3D,
  residual: tf.Tensor3D,
  indices: Int32Array,
  gamma: tf.Tensor | null,
  scale: number | Float32Array,
): tf.Tensor3D {
  assertIndices("addResidualSubset", indices, x.shape[0]);
  assertShape(new Set(indices).size === indices.length, () => "addResidualSubset: an index is there twice.");
  assertShape(tf.util.arraysEqual(residual.shape, [indices.length, x.shape[1], x.shape[2]]), () =>
    `addResidualSubset: residual [${residual.shape}] must be ${indices.length} samples of x [${x.shape}].`);
  const attributes = { indices, scales: scalesOf(scale, indices.length) };
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
