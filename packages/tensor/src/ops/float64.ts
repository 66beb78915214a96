// Float64 where TF.js has no such dtype: a number is two words of int32 along a last axis of 2. Only the kernels that say so read
// such tensors, and only backends that have those kernels are asked.
import * as tf from "@tensorflow/tfjs-core";
import { hasFusedKernel, type KernelAttributes, type KernelInputs, type KernelName } from "./kernels.ts";

/** int32 [...shape, 2] */
export function float64Tensor(values: Float64Array, shape: readonly number[]): tf.Tensor {
  return tf.tensor(new Int32Array(values.buffer, values.byteOffset, 2 * values.length), [...shape, 2], "int32");
}

/** Waits for the device. */
export function float64Values(tensor: tf.Tensor): Float64Array {
  const words = tensor.dataSync<"int32">();
  return new Float64Array(words.buffer, words.byteOffset, words.length / 2);
}

/**
 * The outputs of a kernel that has no portable definition.
 * @throws RangeError where the current backend has none
 */
export function runFloat64<Name extends KernelName>(name: Name, inputs: KernelInputs<Name>, attributes: KernelAttributes<Name>): tf.Tensor[] {
  if (!hasFusedKernel(name)) throw new RangeError(`Backend "${tf.getBackend()}" has no ${name}.`);
  const outputs = tf.engine().runKernel(name, inputs as unknown as tf.NamedTensorMap, attributes as unknown as tf.NamedAttrMap);
  return [outputs].flat();
}
