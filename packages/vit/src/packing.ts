// Crops of several sizes in one matrix: all tokens of all crops, row under row, so that a layer is one product
// however many crops there are. Attention stays inside each sequence (`blockDiagonalAttention`), and everything
// else works row by row; hence a packed forward equals separate ones.

import { tf } from "@dinov2/tensor";

/** `count` sequences of `length` tokens, which lie together. */
export interface Segment {
  readonly count: number;
  readonly length: number;
}

export const rowCount = (segments: readonly Segment[]): number =>
  segments.reduce((rows, { count, length }) => rows + count * length, 0);

/** The row at which each segment starts. */
export function segmentOffsets(segments: readonly Segment[]): number[] {
  return segments.map((_, i) => rowCount(segments.slice(0, i)));
}

/** The rows of a segment, as sequences: [count, length, D]. `packed` is [T, D]; the copy is saved when there is one segment. */
export function unpackSegment(packed: tf.Tensor2D, segments: readonly Segment[], index: number): tf.Tensor3D {
  const { count, length } = segments[index]!;
  const width = packed.shape[1];
  const start = segmentOffsets(segments)[index]!;
  const rows = segments.length === 1 ? packed : tf.slice(packed, [start, 0], [count * length, width]);
  return tf.reshape(rows, [count, length, width]);
}

/** Rows of the `samples`-th sequences of every segment, whole sequences in the given order. */
export function sequenceRows(segments: readonly Segment[], samples: readonly Int32Array[]): Int32Array {
  const offsets = segmentOffsets(segments);
  const kept = segments.map(({ length }, i) => ({ count: samples[i]!.length, length }));
  const rows = new Int32Array(rowCount(kept));
  let next = 0;
  segments.forEach(({ length }, i) => {
    for (const sample of samples[i]!) {
      const first = offsets[i]! + sample * length;
      for (let token = 0; token < length; token++) rows[next++] = first + token;
    }
  });
  return rows;
}
