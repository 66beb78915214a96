import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, kernel, product } from "./op.ts";

const run = kernel("NearestRows", ({ queries, bank, floors }, { k }) => {
  const { values, indices } = tf.topk(product(queries, bank, false, true), k, true);
  const above = tf.greater(values, tf.reshape(floors, [-1, 1]));
  return [tf.where(above, values, tf.fill(values.shape, -Infinity)), tf.where(above, indices, tf.fill(values.shape, -1, "int32"))];
});

/**
 * The k rows of `bank` with the largest dot product with each query, in falling order; of equal ones the first row, where the
 * backend's kernel says so. What is not above the query's floor is left out: -Infinity, row -1. No gradient.
 *
 * @param queries [Q, D]
 * @param bank [N, D]
 * @param floors [Q]
 * @param k at most N
 * @returns similarities [Q, k], rows int32 [Q, k]
 */
export function nearestRows(queries: tf.Tensor2D, bank: tf.Tensor2D, floors: tf.Tensor1D, k: number): readonly [similarities: tf.Tensor2D, rows: tf.Tensor2D] {
  assertFloat32("nearestRows", [queries, bank, floors]);
  assertShape(k >= 1 && k <= bank.shape[0], () => `nearestRows: k is ${k}, of a bank of ${bank.shape[0]} rows.`);
  assertShape(queries.shape[1] === bank.shape[1], () => `nearestRows: queries [${queries.shape}] beside a bank [${bank.shape}].`);
  return run({ queries, bank, floors }, { k }) as readonly tf.Tensor[] as [tf.Tensor2D, tf.Tensor2D];
}
