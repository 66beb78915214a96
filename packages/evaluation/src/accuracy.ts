// How often the right class is among the k best. Legend: N rows, C classes.

import { classesBefore } from "./rank.ts";

export interface Accuracy {
  /** The share of rows that are right: what is reported on ImageNet. */
  readonly micro: number;
  /** The mean over the classes that occur of each one's own share ("mean per class"), for sets whose classes differ in size. */
  readonly macro: number;
  /** [C] each class's share; NaN for one that no row has. */
  readonly perClass: Float64Array;
}

/**
 * A row is right when fewer than `k` classes come before its own.
 * @param scores [N, C], row-major
 * @param labels [N], classes 0..C-1
 */
export function topKAccuracy(scores: Float32Array, labels: ArrayLike<number>, k: number): Accuracy {
  const classCount = scores.length / labels.length;
  const [right, all] = [new Float64Array(classCount), new Float64Array(classCount)];
  for (let row = 0; row < labels.length; row++) {
    const label = labels[row]!;
    all[label]! += 1;
    if (classesBefore(scores.subarray(row * classCount, (row + 1) * classCount), label) < k) right[label]! += 1;
  }
  const perClass = right.map((count, label) => count / all[label]!);
  const occurring = perClass.filter((share) => !Number.isNaN(share));
  return { micro: sum(right) / labels.length, macro: sum(occurring) / occurring.length, perClass };
}

/**
 * Accuracy where a row may have several right classes: it counts as right when one of them is among the `k` best, and not at all
 * when it has none. NaN when no row has any.
 *
 * Source: ImageNet-ReaL (arXiv 2006.07159); `dinov2/eval/metrics.py`, `ImageNetReaLAccuracy`.
 * @param scores [N, C], row-major
 * @param labels [N] the right classes of each row
 */
export function reassessedAccuracy(scores: Float32Array, labels: readonly (readonly number[])[], k: number): number {
  const classCount = scores.length / labels.length;
  let [right, all] = [0, 0];
  for (const [row, those] of labels.entries()) {
    if (those.length === 0) continue;
    all++;
    const ofRow = scores.subarray(row * classCount, (row + 1) * classCount);
    if (those.some((label) => classesBefore(ofRow, label) < k)) right++;
  }
  return right / all;
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
