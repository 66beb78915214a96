// What a benchmark leaves behind: enough to know what the numbers mean and to get them again.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { formatTable, type SkippedImage } from "@dinov2/cli";
import { writeFileAtomic } from "@dinov2/foundation";

export interface BenchmarkResults {
  readonly benchmark: string;
  /** Shares 0..1 by name: "k20.top1". */
  readonly metrics: Readonly<Record<string, number>>;
  readonly model: { readonly source: string; readonly untrained: boolean; readonly width: number };
  readonly data: {
    readonly source: string;
    readonly origin: string;
    readonly classes: number;
    readonly trainImages: number;
    readonly testImages: number;
    /** SHA-256 over side, name and class of every image. */
    readonly fingerprint: string;
    /** Files that could not be decoded, left out of both sides. */
    readonly skipped: readonly SkippedImage[];
  };
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly backend: unknown;
  readonly versions: Readonly<Record<string, string>>;
  readonly seconds: number;
  readonly finishedAt: string;
}

/** Writes `results.json` into a folder, which is made if need be. */
export async function writeResults(folder: string, results: BenchmarkResults): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "results.json");
  await writeFileAtomic(path, `${JSON.stringify(results, null, 2)}\n`);
  return path;
}

/** A table of metrics, one row for each name before the last dot and one column for each after it. */
export function metricTable(metrics: Readonly<Record<string, number>>): string {
  const split = (metric: string) => [metric.slice(0, metric.lastIndexOf(".")), metric.slice(metric.lastIndexOf(".") + 1)] as const;
  const rows = [...new Set(Object.keys(metrics).map((metric) => split(metric)[0]))];
  const columns = [...new Set(Object.keys(metrics).map((metric) => split(metric)[1]))];
  const cell = (row: string, column: string) => {
    const value = metrics[`${row}.${column}`];
    return value === undefined ? "" : `${(100 * value).toFixed(1)} %`;
  };
  const body = rows.map((row) => [row, ...columns.map((column) => cell(row, column))]);
  return formatTable([["", ...columns], ...body], ["left", ...columns.map(() => "right" as const)]);
}
