import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, kernel, unrecorded } from "./op.ts";

const normOf = (tensors: readonly tf.Tensor[]) =>
  tensors.length === 0 ? tf.scalar(0) : tf.sqrt(tf.addN(tensors.map((tensor) => tf.tidy(() => tf.sum(tf.square(tensor))))));

const norms = kernel("GlobalNorm", (tensors, { counts }) => {
  let first = 0;
  return [tf.stack(counts.map((count) => normOf(tensors.slice(first, (first += count)))))];
});

/** The 2-norm over the elements of all tensors together, for each group of tensors: [groups]. No gradient. Of no tensors it is 0. */
export function globalNorms(groups: readonly (readonly tf.Tensor[])[]): tf.Tensor1D {
  const tensors = groups.flat();
  assertFloat32("globalNorm", tensors);
  if (tensors.length === 0) return tf.zeros([groups.length]);
  const counts = groups.map((group) => group.length);
  return unrecorded(() => norms(tensors, { counts })[0]) as tf.Tensor1D;
}

/** The 2-norm over the elements of all tensors together, a scalar. No gradient. Of no tensors it is 0. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  return unrecorded(() => tf.reshape(globalNorms([tensors]), []));
}
