/**
 * How many classes come before class `label`: a higher score, or as high and a lower number. A score that is not a number
 * comes after none, so that a diverged classifier is never right.
 * @param scores [C]
 */
export function classesBefore(scores: ArrayLike<number>, label: number): number {
  const own = scores[label]!;
  let before = 0;
  for (let c = 0; c < scores.length; c++) {
    if (!(scores[c]! <= own) || (scores[c] === own && c < label)) before++;
  }
  return before;
}

/** The first of the largest. */
export function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** How well scores of classes tell the labels. */
export interface RankScore {
  /** Shares of rows whose class is the best, or among the best five. */
  readonly top1: number;
  readonly top5: number;
  /** [N] the best class of each row */
  readonly predictions: Int32Array;
}

/** @param scoresOf [C] the scores of a row, which the next call may overwrite */
export function rankScore(labels: Int32Array, scoresOf: (row: number) => ArrayLike<number>): RankScore {
  let [inTop1, inTop5] = [0, 0];
  const predictions = labels.map((label, row) => {
    const scores = scoresOf(row);
    const place = classesBefore(scores, label);
    if (place < 1) inTop1++;
    if (place < 5) inTop5++;
    return argmax(scores);
  });
  return { top1: inTop1 / labels.length, top5: inTop5 / labels.length, predictions };
}
