// How far predicted depths are from measured ones: the nine usual numbers, in float64. Two ways to sum them up differ on real
// data and are easily confused, so both have a name: each image by itself and then the mean (what papers report for NYU), or
// all pixels of the set in one pool.

import type { DepthMap } from "@dinov2/data";

/** Names as in papers; shares 0..1, `rmse` in metres, `silog` times 100, `log10` and `rmse_log` in logarithms. */
export const depthMetricNames = ["a1", "a2", "a3", "abs_rel", "rmse", "log10", "rmse_log", "silog", "sq_rel"] as const;
export type DepthMetrics = Record<(typeof depthMetricNames)[number], number>;

/** Which pixels of a map count. */
export interface ScoredPixels {
  /** Metres: larger than the first, smaller than the second. */
  readonly range: readonly [number, number];
  /** [top, bottom, left, right], the ends exclusive; the whole map when missing. */
  readonly scoredCrop?: readonly [number, number, number, number];
}

/** Sums over pixels from which all nine numbers follow. */
class DepthErrors {
  pixels = 0;
  private readonly within = [0, 0, 0];
  private relative = 0;
  private squaredRelative = 0;
  private squared = 0;
  private log10 = 0;
  private log = 0;
  private squaredLog = 0;

  add(predicted: number, measured: number): void {
    const error = predicted - measured;
    const logError = Math.log(predicted) - Math.log(measured);
    const ratio = Math.max(predicted / measured, measured / predicted);
    for (let k = 0; k < 3; k++) if (ratio < 1.25 ** (k + 1)) this.within[k]! += 1;
    this.pixels += 1;
    this.relative += Math.abs(error) / measured;
    this.squaredRelative += (error * error) / measured;
    this.squared += error * error;
    this.log10 += Math.abs(logError) / Math.LN10;
    this.log += logError;
    this.squaredLog += logError * logError;
  }

  join(other: DepthErrors): void {
    this.pixels += other.pixels;
    for (let k = 0; k < 3; k++) this.within[k]! += other.within[k]!;
    this.relative += other.relative;
    this.squaredRelative += other.squaredRelative;
    this.squared += other.squared;
    this.log10 += other.log10;
    this.log += other.log;
    this.squaredLog += other.squaredLog;
  }

  /** Not numbers where there was no pixel. */
  metrics(): DepthMetrics {
    const mean = (sum: number) => sum / this.pixels;
    const logVariance = mean(this.squaredLog) - mean(this.log) ** 2;
    return {
      a1: mean(this.within[0]!),
      a2: mean(this.within[1]!),
      a3: mean(this.within[2]!),
      abs_rel: mean(this.relative),
      rmse: Math.sqrt(mean(this.squared)),
      log10: mean(this.log10),
      rmse_log: Math.sqrt(mean(this.squaredLog)),
      // Rounding can take a variance of equal errors below zero.
      silog: 100 * Math.sqrt(Math.max(logVariance, 0)),
      sq_rel: mean(this.squaredRelative),
    };
  }
}

/** The numbers of many images: add each, then ask for either sum. */
export class DepthScores {
  private readonly pool = new DepthErrors();
  private readonly images: DepthMetrics[] = [];

  constructor(private readonly scored: ScoredPixels) {}

  /**
   * Scores one image. An image without a scored pixel says nothing and does not count.
   * @param predicted positive metres of each pixel of `map`
   */
  add(predicted: ArrayLike<number>, map: DepthMap): DepthMetrics | undefined {
    const errors = new DepthErrors();
    const { range: [near, far], scoredCrop = [0, map.height, 0, map.width] } = this.scored;
    const [top, bottom, left, right] = scoredCrop;
    for (let y = Math.max(0, top); y < Math.min(bottom, map.height); y++) {
      for (let x = Math.max(0, left); x < Math.min(right, map.width); x++) {
        const measured = map.depths[y * map.width + x]!;
        if (measured > near && measured < far) errors.add(predicted[y * map.width + x]!, measured);
      }
    }
    if (errors.pixels === 0) return undefined;
    this.pool.join(errors);
    const metrics = errors.metrics();
    this.images.push(metrics);
    return metrics;
  }

  /** Images that counted. */
  get imageCount(): number {
    return this.images.length;
  }

  get pixelCount(): number {
    return this.pool.pixels;
  }

  /** The mean over images of each image's own numbers. */
  perImage(): DepthMetrics {
    const mean = (name: keyof DepthMetrics) => this.images.reduce((sum, image) => sum + image[name], 0) / this.images.length;
    return Object.fromEntries(depthMetricNames.map((name) => [name, mean(name)])) as DepthMetrics;
  }

  /** The numbers of all pixels of all images together. */
  pooled(): DepthMetrics {
    return this.pool.metrics();
  }
}
