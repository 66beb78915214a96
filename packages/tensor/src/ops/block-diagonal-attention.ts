// Legend: T tokens of all sequences, D width, d = D / heads, C sequences of one segment, L their length.
import * as tf from "@tensorflow/tfjs-core";
import type { Segment } from "./kernels.ts";
import { assertShape, differentiable, kernel, product } from "./op.ts";

export type { Segment } from "./kernels.ts";

/** The rows of one segment, [C L, 3D] or [C L, D], as one [C, heads, L, d] per part. */
function splitHeads(rows: tf.Tensor, parts: number, { count, length }: Segment, heads: number): tf.Tensor[] {
  const width = rows.shape[1]! / (parts * heads);
  const split = tf.transpose(tf.reshape(rows, [count, length, parts * heads, width]), [0, 2, 1, 3]);
  return parts === 1 ? [split] : tf.split(split, parts, 1);
}

/** The inverse: parts [C, heads, L, d] side by side, as rows [C L, parts D]. */
function joinHeads(parts: readonly tf.Tensor[], { count, length }: Segment): tf.Tensor {
  const joined = parts.length === 1 ? parts[0]! : tf.concat([...parts], 1);
  return tf.reshape(tf.transpose(joined, [0, 2, 1, 3]), [count * length, -1]);
}

/** Calls `run` for every segment, with its first row; its intermediates go when it returns. */
function forSegments<T extends tf.Tensor | tf.Tensor[]>(
  segments: readonly Segment[],
  run: (segment: Segment, start: number) => T,
): T[] {
  let start = 0;
  const results: T[] = [];
  for (const segment of segments) {
    results.push(tf.tidy(() => run(segment, start)));
    start += segment.count * segment.length;
  }
  return results;
}

const rowsOf = (x: tf.Tensor, { count, length }: Segment, start: number) =>
  tf.slice(x, [start, 0], [count * length, x.shape[1]!]);

const forward = kernel("BlockDiagonalAttention", ({ qkv }, { segments, heads }) => {
  const scale = (qkv.shape[1]! / (3 * heads)) ** -0.5;
  const parts = forSegments(segments, (segment, start) => {
    const [q, k, v] = splitHeads(rowsOf(qkv, segment, start), 3, segment, heads);
    const scores = product(tf.mul(q!, scale), k!, false, true); // [C, heads, L, L]
    const largest = tf.max(scores, 3, true);
    const weights = tf.exp(tf.sub(scores, largest));
    const sums = tf.sum(weights, 3, true); // [C, heads, L, 1]
    const output = joinHeads([tf.div(product(weights, v!), sums)], segment);
    const logSumExp = tf.add(tf.log(sums), largest);
    return [output, tf.reshape(tf.transpose(logSumExp, [1, 0, 2, 3]), [heads, -1])];
  });
  return [tf.concat(parts.map((part) => part[0]!), 0), tf.concat(parts.map((part) => part[1]!), 1)];
});

// With P the probabilities and S the scaled scores: dV = Pᵀ dO, dS = P ∘ (dO Vᵀ - rowsum(dO ∘ O)),
// dQ = dS K scale, dK = dSᵀ Q scale. P is computed again from the saved log-sum-exp: the L×L
// probabilities of every block would be most of the memory of a step.
const backward = kernel("BlockDiagonalAttentionGrad", ({ dy, qkv, output, logSumExp }, { segments, heads }) => {
  const scale = (qkv.shape[1]! / (3 * heads)) ** -0.5;
  const parts = forSegments(segments, (segment, start) => {
    const { count, length } = segment;
    const [q, k, v] = splitHeads(rowsOf(qkv, segment, start), 3, segment, heads);
    const [dOutput] = splitHeads(rowsOf(dy, segment, start), 1, segment, heads);
    const [o] = splitHeads(rowsOf(output, segment, start), 1, segment, heads);
    const lse = tf.reshape(tf.slice(logSumExp, [0, start], [heads, count * length]), [heads, count, length, 1]);
    const scaledQ = tf.mul(q!, scale);
    const scores = product(scaledQ, k!, false, true);
    const probabilities = tf.exp(tf.sub(scores, tf.transpose(lse, [1, 0, 2, 3])));
    const along = tf.sum(tf.mul(dOutput!, o!), 3, true); // [C, heads, L, 1]
    const dScores = tf.mul(probabilities, tf.sub(product(dOutput!, v!, false, true), along));
    const dQ = tf.mul(product(dScores, k!), scale);
    const dK = product(dScores, scaledQ, true);
    const dV = product(probabilities, dOutput!, true);
    return joinHeads([dQ, dK, dV], segment);
  });
  return [tf.concat(parts, 0)];
});

/**
 * Multi-head self-attention over packed sequences that do not see one another: per sequence and head
 * softmax(q kᵀ / sqrt(d)) v, as xFormers' memory-efficient attention under a block-diagonal mask
 * (dinov2/layers/attention.py). Never a T×T matrix.
 *
 * @param qkv [T, 3D]; rows are the segments in order, columns [q of all heads | k | v]
 * @param segments `count` sequences of `length` tokens each; together T rows
 * @returns [T, D], heads side by side
 */
export function blockDiagonalAttention(qkv: tf.Tensor2D, segments: readonly Segment[], heads: number): tf.Tensor2D {
  const [tokens, columns] = qkv.shape;
  const covered = segments.reduce((sum, { count, length }) => sum + count * length, 0);
  assertShape(covered === tokens, () =>
    `blockDiagonalAttention: the segments cover ${covered} rows, qkv [${qkv.shape}] has ${tokens}.`);
  assertShape(columns % (3 * heads) === 0, () =>
    `blockDiagonalAttention: ${columns} columns of qkv do not divide into 3 × ${heads} heads.`);
  if (tokens === 0) return tf.slice(qkv, [0, 0], [0, columns / 3]);
  const attributes = { segments: segments.filter(({ count, length }) => count * length > 0), heads };
  return differentiable(
    "blockDiagonalAttention",
    [qkv],
    () => {
      const [output, logSumExp] = forward({ qkv }, attributes);
      return { value: output, saved: [qkv, output, logSumExp] };
    },
    (dy, [qkv, output, logSumExp]) => [backward({ dy, qkv, output, logSumExp }, attributes)[0]],
  ) as tf.Tensor2D;
}
