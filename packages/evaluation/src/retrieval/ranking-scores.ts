// How good a ranking is, from the places of what is right in it. Legend: P right images, `ranks` [P'] their places from 0,
// ascending, those left out that are not in the ranking.

/**
 * The area under precision over recall by trapezoids: at each right image the mean of the precision before it and at it.
 *
 * Source: Philbin et al. (CVPR 2007), the definition that Revisited Oxford and Paris keep (arXiv 1803.11285).
 * @param rightCount P, those that were not found included
 */
export function trapezoidAveragePrecision(ranks: readonly number[], rightCount: number): number {
  let sum = 0;
  for (const [found, rank] of ranks.entries()) {
    const before = rank === 0 ? 1 : found / rank;
    sum += (before + (found + 1) / (rank + 1)) / 2;
  }
  return sum / rightCount;
}

/** The mean over right images of the precision at each: average precision as information retrieval has it. */
export function averagePrecision(ranks: readonly number[], rightCount: number): number {
  return ranks.reduce((sum, rank, found) => sum + (found + 1) / (rank + 1), 0) / rightCount;
}

/**
 * The share of right images among the first k; or, where the last right one comes before, among those up to it: a query with three
 * right images can have mP@5 of 1 (arXiv 1803.11285, section 4).
 */
export function revisitedPrecision(ranks: readonly number[], k: number): number {
  if (ranks.length === 0) return 0;
  const places = Math.min(k, ranks.at(-1)! + 1);
  return ranks.filter((rank) => rank < places).length / places;
}

/** Whether one of the first k is right. */
export const hit = (ranks: readonly number[], k: number): number => (ranks.length > 0 && ranks[0]! < k ? 1 : 0);

/**
 * The places of right images in a ranking from which those to be ignored were taken out, as if they were not in the gallery.
 * @param ranking images of the gallery, the most similar first
 */
export function ranksOf(ranking: Iterable<number>, right: ReadonlySet<number>, ignored: ReadonlySet<number>): number[] {
  const ranks: number[] = [];
  let place = 0;
  for (const image of ranking) {
    if (ignored.has(image)) continue;
    if (right.has(image)) ranks.push(place);
    place++;
  }
  return ranks;
}
