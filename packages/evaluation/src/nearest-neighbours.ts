// Exact nearest neighbours by cosine, in blocks on the tensor engine. Legend: N bank rows, Q queries, D width.

import { fullPrecision, hasFusedKernel, nearestRows, tf } from "@dinov2/tensor";
import { type FeatureMatrix, normalizeRows, rowRange } from "./feature-matrix.ts";
import { type Neighbours, RunningTopK } from "./top-k.ts";

export interface SearchOptions {
  /** Rows of the bank in one block; the default depends on the engine. */
  readonly bankBlock?: number;
  /** Queries in one block. */
  readonly queryBlock?: number;
  readonly onProgress?: (done: number, total: number) => void;
}

/** An engine that keeps similarities to itself takes large blocks; else they are queryBlock × bankBlock floats, 8 MiB. */
const engineBlocks = () => (hasFusedKernel("NearestRows") ? { bankBlock: 65_536, queryBlock: 4096 } : { bankBlock: 4096, queryBlock: 512 });

/**
 * The k rows of `bank` with the largest cosine similarity to each query; neither side need be normalised.
 * Memory beside them: one normalised block of each, and Q·k results, whatever N is.
 *
 *     for each block of the bank:  for each block of queries:  merge(the best of queries · blockᵀ)
 *
 * @throws RangeError when k is not in 1..N or the widths differ
 */
export async function nearestNeighbours(bank: FeatureMatrix, queries: FeatureMatrix, k: number, options: SearchOptions = {}): Promise<Neighbours> {
  if (!(k >= 1 && k <= bank.count)) throw new RangeError(`k is ${k}, but the bank has ${bank.count} rows.`);
  if (bank.width !== queries.width) {
    throw new RangeError(`Queries of width ${queries.width} cannot be compared with a bank of width ${bank.width}.`);
  }
  const { bankBlock, queryBlock, onProgress } = { ...engineBlocks(), ...options };
  const merge = hasFusedKernel("NearestRows") ? mergeNearest : mergeSimilarities;
  const best = new RunningTopK(queries.count, k);
  for (let row = 0; row < bank.count; row += bankBlock) {
    const block = tf.tidy(() => toTensor(normalizeRows(rowRange(bank, row, Math.min(row + bankBlock, bank.count)))));
    // Transposed once for all queries: an engine's product with a transposed operand may be many times slower.
    const transposed = merge === mergeSimilarities ? tf.tidy(() => tf.transpose(block)) : undefined;
    try {
      for (let query = 0; query < queries.count; query += queryBlock) {
        const some = normalizeRows(rowRange(queries, query, Math.min(query + queryBlock, queries.count)));
        await merge(best, some, transposed ?? block, query, row);
      }
    } finally {
      tf.dispose(transposed ? [block, transposed] : block);
    }
    onProgress?.(Math.min(row + bankBlock, bank.count), bank.count);
  }
  return best.finish();
}

const toTensor = ({ count, width, values }: FeatureMatrix) => tf.tensor2d(values, [count, width]);

/** The engine finds the best of the block [N, D]; none that is no better than what is known already. */
async function mergeNearest(best: RunningTopK, queries: FeatureMatrix, block: tf.Tensor2D, firstQuery: number, firstRow: number): Promise<void> {
  const floors = best.floors(firstQuery, queries.count);
  const found = tf.tidy(() => [...nearestRows(toTensor(queries), block, tf.tensor1d(floors), Math.min(best.k, block.shape[0]))]);
  try {
    const [similarities, rows] = (await Promise.all(found.map((tensor) => tensor.data()))) as [Float32Array, Int32Array];
    best.mergeFound(similarities, rows, found[0]!.shape[1], firstQuery, firstRow);
  } finally {
    tf.dispose(found);
  }
}

/** All similarities to a block [D, N] are downloaded. */
async function mergeSimilarities(best: RunningTopK, queries: FeatureMatrix, transposed: tf.Tensor2D, firstQuery: number, firstRow: number): Promise<void> {
  const product = tf.tidy(() => fullPrecision(() => tf.matMul(toTensor(queries), transposed)));
  try {
    best.merge((await product.data()) as Float32Array, transposed.shape[1], firstQuery, firstRow);
  } finally {
    product.dispose();
  }
}
