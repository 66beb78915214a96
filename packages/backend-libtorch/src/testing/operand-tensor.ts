// What is drawn, as tensors of the current backend.
import { tf } from "@dinov2/tensor";
import type { Operand } from "./draw.ts";

/** The operand as a tensor, some of them by way of other kernels. */
export function tensorOf({ shape, dtype, values, layout }: Operand): tf.Tensor {
  const plain = tf.tensor(values, shape, dtype);
  if (layout === "plain" || shape.length === 0 || plain.size === 0) return plain;
  if (layout === "sliced") return tf.slice(tf.concat([plain, plain]), 0, shape[0]!);
  const order = [...shape.keys()].reverse();
  return tf.transpose(tf.transpose(plain, order), order);
}
