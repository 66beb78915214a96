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
