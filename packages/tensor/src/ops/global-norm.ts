import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, kernel, unrecorded } from "./op.ts";

const norm = kernel("GlobalNorm", (tensors) => [
  tf.sqrt(tf.addN(tensors.map((tensor) => tf.tidy(() => tf.sum(tf.square(tensor)))))),
]);

/** The 2-norm over the elements of all tensors together, a scalar. No gradient. Of no tensors it is 0. */
export function globalNorm(tensors: readonly tf.Tensor[]): tf.Scalar {
  if (tensors.length === 0) return tf.scalar(0);
  assertFloat32("globalNorm", tensors);
  return unrecorded(() => norm(tensors, {})[0]) as tf.Scalar;
}
