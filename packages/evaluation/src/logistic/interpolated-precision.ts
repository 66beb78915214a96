/**
 * Average precision as VOC 2007 defines it: the mean over recalls 0, 0.1, … 1 of the highest precision at that recall or a
 * higher one. NaN where no row shows the class.
 *
 * Source: Everingham et al. (IJCV 2010), section 4.2; `VOCevalcls.m` of the development kit.
 * @param scores [N], the higher the surer
 * @param targets [N]: 1 shows the class, -1 does not, 0 is left out of the ranking
 */
export function interpolatedAveragePrecision(scores: ArrayLike<number>, targets: ArrayLike<number>): number {
  const ranking = Array.from({ length: scores.length }, (_, row) => row).filter((row) => targets[row] !== 0);
  ranking.sort((a, b) => scores[b]! - scores[a]!);
  /** At each row that is right, the best first. */
  const precisions: number[] = [];
  for (const [place, row] of ranking.entries()) if (targets[row] === 1) precisions.push((precisions.length + 1) / (place + 1));
  let sum = 0;
  for (let tenths = 0; tenths <= 10; tenths++) {
    const found = Math.max(1, Math.ceil((tenths * precisions.length) / 10));
    sum += precisions.slice(found - 1).reduce((most, precision) => Math.max(most, precision), 0);
  }
  return precisions.length === 0 ? NaN : sum / 11;
}
