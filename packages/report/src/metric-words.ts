// Metrics as readers see them: which stand in the first table, which are shares, which of two is better.

import { formatNumber, formatPercent } from "./numbers.ts";
import type { BenchmarkResults } from "./results.ts";

/**
 * The numbers of the first table: those of a whole method, "k20.top1", and not of its parts, whose names are longer,
 * "linear.b4.avg.lr0.01.top1"; the mean over classes only where the set is reported by it.
 */
export function headlines({ metrics, protocol }: BenchmarkResults): string[] {
  const isOther = (metric: string) => lastWord(metric) === "mean_per_class" && protocol["metric"] !== "mean-per-class";
  return Object.keys(metrics).filter((metric) => metric.split(".").length <= 2 && !isOther(metric));
}

const errors = new Set(["abs_rel", "rmse", "log10", "rmse_log", "silog", "sq_rel", "loss"]);
const lastWord = (metric: string) => metric.slice(metric.lastIndexOf(".") + 1);

/** Errors and losses are no shares; all other metrics of our benchmarks are. */
export const isShare = (metric: string): boolean => !errors.has(lastWord(metric));

export const isBetterHigh = isShare;

/** "79.1 %", or "0.356". */
export function metricText(metric: string, value: number): string {
  return isShare(metric) && Number.isFinite(value) ? `${formatPercent(value)} %` : formatNumber(value);
}
