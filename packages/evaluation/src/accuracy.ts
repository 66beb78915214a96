// How often the right class is among the k best. Legend: N rows, C classes.

import type { Measurement } from "./evaluator.ts";
import { type Answers, argmax, classesBefore, placeOfRight } from "./rank.ts";

export interface Accuracy {
  /** The share of rows that are right: what is reported on ImageNet. */
  readonly micro: number;
  /** The mean over the classes that occur of each one's own share ("mean per class"), for sets whose classes differ in size. */
  readonly macro: number;
  /** [C] each class's share; NaN for one that no row has. */
  readonly perClass: Float64Array;
}

/** How well scores of classes tell the labels. */
export interface RankScore {
  /** Shares of rows whose class is the best, or among the best five. */
  readonly top1: number;
  readonly top5: number;
  /** The mean over the classes that occur of each one's own top-1. */
  readonly meanPerClass: number;
}

/** What a set is reported by, and settings are selected by. */
export type AccuracyMetric = "top1" | "meanPerClass";

/** The place of the best score; of equal ones the first. */
export function bestBy(scores: readonly RankScore[], metric: AccuracyMetric = "top1"): number {
  return scores.reduce((best, score, i) => (score[metric] > scores[best]![metric] ? i : best), 0);
}

/** A score's rows of the results: "k20.top1", "k20.top5", "k20.mean_per_class". */
export function scoreRows(of: string, { top1, top5, meanPerClass }: RankScore): Measurement[] {
  return Object.entries({ top1, top5, mean_per_class: meanPerClass }).map(([name, value]) => ({ metric: `${of}.${name}`, value }));
}

/** For a note that says what was the best: nothing of the usual metric. */
export const byMetric = (metric: AccuracyMetric) => (metric === "meanPerClass" ? "by mean accuracy per class " : "");

/** Counts rows that are right, class by class. */
export class AccuracyCounts {
  private readonly right: Float64Array;
  private readonly all: Float64Array;

  constructor(classCount: number) {
    [this.right, this.all] = [new Float64Array(classCount), new Float64Array(classCount)];
  }

  add(label: number, isRight: boolean): void {
    this.all[label]! += 1;
    if (isRight) this.right[label]! += 1;
  }

  accuracy(): Accuracy {
    const perClass = this.right.map((count, label) => count / this.all[label]!);
    const occurring = perClass.filter((share) => !Number.isNaN(share));
    return { micro: sum(this.right) / sum(this.all), macro: sum(occurring) / occurring.length, perClass };
  }
}

/** Counts rows by the place of what is right among the scores; one that has several right classes is of the first of them. */
export class RankCounts {
  private readonly first: AccuracyCounts;
  private readonly amongFive: AccuracyCounts;

  constructor(classCount: number) {
    [this.first, this.amongFive] = [new AccuracyCounts(classCount), new AccuracyCounts(classCount)];
  }

  /** @param scores [C] of the row */
  add(scores: ArrayLike<number>, answers: Answers, row: number): void {
    const before = placeOfRight(scores, answers, row);
    const label = answers.labels[row]!;
    this.first.add(label, before < 1);
    this.amongFive.add(label, before < 5);
  }

  score(): RankScore {
    const { micro: top1, macro: meanPerClass } = this.first.accuracy();
    return { top1, top5: this.amongFive.accuracy().micro, meanPerClass };
  }
}

/**
 * The score of all rows and [N] the best of the classes that may be answered for each.
 * @param scoresOf [C] the scores of a row, which the next call may overwrite
 */
export function rankScore(
  answers: Answers,
  classCount: number,
  scoresOf: (row: number) => ArrayLike<number>,
): RankScore & { readonly predictions: Int32Array } {
  const counts = new RankCounts(classCount);
  const predictions = answers.labels.map((_, row) => {
    const scores = scoresOf(row);
    counts.add(scores, answers, row);
    return argmax(scores, answers.among);
  });
  return { ...counts.score(), predictions };
}

/**
 * A row is right when fewer than `k` classes come before its own.
 * @param scores [N, C], row-major
 * @param labels [N], classes 0..C-1
 */
export function topKAccuracy(scores: Float32Array, labels: ArrayLike<number>, k: number): Accuracy {
  const classCount = scores.length / labels.length;
  const counts = new AccuracyCounts(classCount);
  for (let row = 0; row < labels.length; row++) {
    const ofRow = scores.subarray(row * classCount, (row + 1) * classCount);
    counts.add(labels[row]!, classesBefore(ofRow, labels[row]!) < k);
  }
  return counts.accuracy();
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
  const answers = { labels: Int32Array.from(labels, ([first = -1]) => first), rightClasses: labels };
  let [right, all] = [0, 0];
  for (const [row, those] of labels.entries()) {
    if (those.length === 0) continue;
    all++;
    const ofRow = scores.subarray(row * classCount, (row + 1) * classCount);
    if (placeOfRight(ofRow, answers, row) < k) right++;
  }
  return right / all;
}

const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);
