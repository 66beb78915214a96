/** What may be answered and what is right, for N rows of scores. */
export interface Answers {
  /** [N] the right class of each row. */
  readonly labels: Int32Array;
  /** [N] all right classes of each row, where there may be several. */
  readonly rightClasses?: readonly (readonly number[])[];
  /** The only classes that may be answered, ascending, where not all may: others are as if they had no score. */
  readonly among?: Int32Array;
}

/** How many classes come before the right one of a row, or before the first of its right ones; 0 when the best is right. */
export function placeOfRight(scores: ArrayLike<number>, { labels, rightClasses, among }: Answers, row: number): number {
  if (rightClasses === undefined) return classesBefore(scores, labels[row]!, among);
  return Math.min(...rightClasses[row]!.map((label) => classesBefore(scores, label, among)));
}

/** The number of classes, so that each that is right or may be answered is one. */
export function classCountOf(...all: readonly Answers[]): number {
  let largest = 0;
  for (const { labels, rightClasses = [], among = [] } of all) {
    for (const classes of [labels, among, ...rightClasses]) for (const label of classes) if (label > largest) largest = label;
  }
  return largest + 1;
}

/**
 * How many classes come before class `label`: a higher score, or as high and a lower number. A score that is not a number
 * comes after none, so that a diverged classifier is never right.
 * @param scores [C]
 * @param among the classes to count, when not all
 */
export function classesBefore(scores: ArrayLike<number>, label: number, among?: Int32Array): number {
  const own = scores[label]!;
  const count = among?.length ?? scores.length;
  let before = 0;
  for (let i = 0; i < count; i++) {
    const c = among === undefined ? i : among[i]!;
    if (!(scores[c]! <= own) || (scores[c] === own && c < label)) before++;
  }
  return before;
}

/** The first of the largest, of all values or of those at the places `among`. */
export function argmax(values: ArrayLike<number>, among?: Int32Array): number {
  if (among !== undefined) return among.reduce((best, place) => (values[place]! > values[best]! ? place : best), among[0]!);
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}
