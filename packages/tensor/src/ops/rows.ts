// The two moves between a tensor and some of its rows that every op here shares.
import * as tf from "@tensorflow/tfjs-core";
import { assertShape } from "./op.ts";

/** x[indices] along the first axis. x [R, C], result [K, C]. Unrecorded use only: no gradient. */
export function takeRows(x: tf.Tensor, indices: Int32Array): tf.Tensor {
  if (indices.length === 0) return tf.zeros([0, x.shape[1]!]);
  return tf.tidy(() => tf.gather(x, tf.tensor1d(indices, "int32")));
}

/** Zeros [rows, C] with `values` [K, C] added at the rows `indices`, which may repeat. Unrecorded use only. */
export function scatterRows(values: tf.Tensor, indices: Int32Array, rows: number): tf.Tensor {
  if (indices.length === 0) return tf.zeros([rows, values.shape[1]!]);
  return tf.tidy(() =>
    tf.scatterND(tf.tensor2d(indices, [indices.length, 1], "int32"), values, [rows, values.shape[1]!]));
}

/** Throws when an index is outside [0, rows). */
export function assertIndices(op: string, indices: Int32Array, rows: number): void {
  const wrong = indices.find((index) => index < 0 || index >= rows);
  assertShape(wrong === undefined, () => `${op}: index ${wrong} is outside the ${rows} rows.`);
}
