// Exact nearest neighbours by cosine, in blocks on the tensor engine. Legend: N bank rows, Q queries, D width.

import { fullPrecision, tf } from "@dinov2/tensor";
import { type FeatureMatrix, normalizeRows, rowRange } from "./feature-matrix.ts";
import { type Neighbours, RunningTopK } from "./top-k.ts";

export interface SearchOptions {
  /** Rows of the bank in one product. */
  readonly bankBlock?: number;
  /** Queries in one product: a block of similarities is queryBlock × bankBlock floats (8 MiB as it comes). */
  readonly queryBlock?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * The k rows of `bank` with the largest cosine similarity to each query; neither side need be normalised.
 * Memory: one block of similarities, one normalised block of the bank and Q·k results, whatever N is.
 *
 *     for each block of the bank:  for each block of queries:  merge(queries · blockᵀ)
 *
 * @throws RangeError when k is not in 1..N or the widths differ
 */
export async function nearestNeighbours(
  bank: FeatureMatrix,
  queries: FeatureMatrix,
  k: number,
  { bankBlock = 4096, queryBlock = 512, onProgress }: SearchOptions = {},
): Promise<Neighbours> {
  if (!(k >= 1 && k <= bank.count)) throw new RangeError(`k is ${k}, but the bank has ${bank.count} rows.`);
  if (bank.width !== queries.width) {
    throw new RangeError(`Queries of width ${queries.width} cannot be compared with a bank of width ${bank.width}.`);
  }
  const directions = normalizeRows(queries);
  const best = new RunningTopK(queries.count, k);
  for (let row = 0; row < bank.count; row += bankBlock) {
    const block = normalizeRows(rowRange(bank, row, Math.min(row + bankBlock, bank.count)));
    // Transposed once for all queries: an engine's product with a transposed operand may be many times slower.
    const blockTransposed = tf.tidy(() => tf.transpose(toTensor(block))); // [D, block]
    try {
      for (let query = 0; query < queries.count; query += queryBlock) {
        const some = rowRange(directions, query, Math.min(query + queryBlock, queries.count));
        best.merge(await similarities(some, blockTransposed), block.count, query, row);
      }
    } finally {
      blockTransposed.dispose();
    }
    onProgress?.(row + block.count, bank.count);
  }
  return best.finish();
}

const toTensor = ({ count, width, values }: FeatureMatrix) => tf.tensor2d(values, [count, width]);

/** [queries, D] · [D, block], downloaded. */
async function similarities(queries: FeatureMatrix, blockTransposed: tf.Tensor2D): Promise<Float32Array> {
  const product = tf.tidy(() => fullPrecision(() => tf.matMul(toTensor(queries), blockTransposed)));
  try {
    return (await product.data()) as Float32Array;
  } finally {
    product.dispose();
  }
}
