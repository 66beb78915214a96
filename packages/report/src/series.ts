// A measure's way through training as points for a figure.

/** One line of a metrics log: the step, and measures by name. A measure may be missing from some lines. */
export interface MetricRow {
  readonly step: number;
  readonly [measure: string]: number;
}

export type Point = readonly [step: number, value: number];

/** The points of one measure, in the log's order, without those that are no numbers. */
export function pointsOf(metrics: readonly MetricRow[], measure: string): Point[] {
  return metrics.flatMap((row) => {
    const value = row[measure];
    return value !== undefined && Number.isFinite(value) ? [[row.step, value] as const] : [];
  });
}

/** At most `limit` points: means over neighbouring points, so that a long run's figure stays small. */
export function thin(points: readonly Point[], limit: number): Point[] {
  if (points.length <= limit) return [...points];
  return Array.from({ length: limit }, (_, bin) => {
    const start = Math.floor((bin * points.length) / limit);
    const members = points.slice(start, Math.floor(((bin + 1) * points.length) / limit));
    const mean = (axis: 0 | 1) => members.reduce((sum, point) => sum + point[axis], 0) / members.length;
    return [mean(0), mean(1)] as const;
  });
}

/**
 * The trend of noisy points: at each the value there of the straight line that fits it and its `reach` neighbours
 * to each side best (least squares). Unlike a mean it does not lag at the ends.
 */
export function smooth(points: readonly Point[], reach: number): Point[] {
  return points.map(
    ([step], i) => [step, fittedValue(points.slice(Math.max(0, i - reach), i + reach + 1), step)] as const,
  );
}

function fittedValue(points: readonly Point[], at: number): number {
  const mean = (axis: 0 | 1) => points.reduce((sum, point) => sum + point[axis], 0) / points.length;
  const [meanStep, meanValue] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [step]) => sum + (step - meanStep) ** 2, 0);
  const slope = points.reduce((sum, [step, value]) => sum + (step - meanStep) * (value - meanValue), 0) / (spread || 1);
  return meanValue + slope * (at - meanStep);
}
