// Results beside a committed baseline. A metric has a noise band, and one that is worse by more fails; speed depends on the
// machine, so that its change is shown and never fails.

import { isBetterHigh } from "./metric-words.ts";
import { count, number, object, record, text } from "./json-fields.ts";
import type { BenchmarkResults } from "./results.ts";

export interface Baseline {
  /** The command that made it. */
  readonly source: string;
  /** By the name of the results' folder. */
  readonly folders: Readonly<Record<string, BaselineFolder>>;
}

export interface BaselineFolder {
  /** Of the data: numbers of others cannot be compared. */
  readonly fingerprint: string;
  /** `band`: how far a metric may be off by noise alone, to each side. */
  readonly metrics: Readonly<Record<string, { readonly value: number; readonly band: number }>>;
  readonly imagesPerSecond?: number;
}

export interface BaselineRow {
  /** "knn-pixels k20.top1" */
  readonly row: string;
  readonly expected: number;
  readonly value: number;
  /** Missing where the change is only shown. */
  readonly band?: number;
  readonly verdict: "within" | "better" | "worse" | "shown";
}

const check = object({
  schema: count,
  source: text,
  folders: record(object({ fingerprint: text, metrics: record(object({ value: number, band: number })), "imagesPerSecond?": number })),
});

/** @throws RangeError that names the file and the field */
export function readBaseline(json: string, file: string): Baseline {
  let baseline: unknown;
  try {
    baseline = JSON.parse(json);
  } catch {
    throw new RangeError(`${file} is not JSON; expected a baseline of benchmarks.`);
  }
  check(baseline, `${file}:`);
  return baseline as Baseline;
}

/**
 * Every row of the baseline, with what was measured now.
 * @throws RangeError when a folder or a metric of the baseline is missing, or was measured on other data
 */
export function compareWithBaseline({ folders }: Baseline, measured: readonly { readonly name: string; readonly results: BenchmarkResults }[]): BaselineRow[] {
  return Object.entries(folders).flatMap(([name, expected]) => {
    const found = measured.find((one) => one.name === name)?.results;
    if (!found) throw new RangeError(`The baseline has results of ${name}, but no folder of that name was given; measure it too.`);
    if (found.data.fingerprint !== expected.fingerprint) {
      throw new RangeError(`${name} was measured on other data than the baseline (fingerprint ${found.data.fingerprint.slice(0, 12)}, expected ${expected.fingerprint.slice(0, 12)}).`);
    }
    const rows = Object.entries(expected.metrics).map(([metric, { value, band }]) => metricRow(name, metric, value, band, found));
    return [...rows, ...speedRow(name, expected, found)];
  });
}

function metricRow(name: string, metric: string, expected: number, band: number, { metrics }: BenchmarkResults): BaselineRow {
  const value = metrics[metric];
  if (value === undefined) throw new RangeError(`${name} has no metric ${metric}, which the baseline has; measure with its options.`);
  const gain = (value - expected) * (isBetterHigh(metric) ? 1 : -1);
  // What is not a number is not within anything.
  const verdict = Math.abs(gain) <= band ? "within" : gain > 0 ? "better" : "worse";
  return { row: `${name} ${metric}`, expected, value, band, verdict };
}

/** Images of both sides by the whole time, opening included. */
export const imagesPerSecond = ({ data, seconds }: BenchmarkResults): number => (data.trainImages + data.testImages) / seconds;

function speedRow(name: string, { imagesPerSecond: expected }: BaselineFolder, results: BenchmarkResults): BaselineRow[] {
  return expected === undefined ? [] : [{ row: `${name} images/s`, expected, value: imagesPerSecond(results), verdict: "shown" }];
}
