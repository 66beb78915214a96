// Which steps are unlike those before them: a loss or a gradient far above its running median.

import { median } from "@dinov2/foundation";

export interface SpikeRule {
  /** How many steps before this one it is compared with. */
  readonly window: number;
  /** How many median absolute deviations above their median is a spike. */
  readonly threshold: number;
}

export interface Spike {
  readonly measure: string;
  readonly value: number;
  /** Of the steps before. */
  readonly median: number;
}

type Measures = Readonly<Record<string, number>>;

const isWatched = (measure: string) => measure === "total_loss" || measure.startsWith("gradient_norm_");

/**
 * Median and median absolute deviation (MAD) instead of mean and standard deviation: neither moves for a few outliers, so that a
 * spike does not hide the next one (Leys et al. 2013, "Detecting outliers", doi 10.1016/j.jesp.2013.03.013). For normal noise a
 * MAD is 0.67 standard deviations. A deviation counts as at least 1 % of the median, or a loss that lies still would spike.
 */
export class SpikeDetector {
  /** @param windows what `windows` gave, to go on from there */
  constructor(
    private readonly rule: SpikeRule,
    readonly windows: Record<string, number[]> = {},
  ) {}

  /** The watched measures of a step that spike; none while there are too few steps to compare with. */
  find(measures: Measures): Spike[] {
    return Object.entries(measures).flatMap(([measure, value]) => {
      const before = isWatched(measure) ? (this.windows[measure] ?? []) : [];
      if (before.length < this.rule.window / 2) return [];
      const middle = median(before);
      const deviation = median(before.map((other) => Math.abs(other - middle)));
      const limit = middle + this.rule.threshold * Math.max(deviation, 0.01 * Math.abs(middle));
      return value > limit ? [{ measure, value, median: middle }] : [];
    });
  }

  /** Compares later steps with this one too. Spikes as well: half a window of them is the new normal. */
  remember(measures: Measures): void {
    for (const [measure, value] of Object.entries(measures)) {
      if (!isWatched(measure)) continue;
      const values = (this.windows[measure] ??= []);
      values.push(value);
      if (values.length > this.rule.window) values.shift();
    }
  }
}
