// What a benchmark leaves behind: enough to know what the numbers mean and to get them again.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { formatTable } from "@dinov2/cli";
import { writeFileAtomic } from "@dinov2/foundation";
import type { BenchmarkResults } from "@dinov2/report";

export type { BenchmarkResults };

/** Writes `results.json` into a folder, which is made if need be. */
export async function writeResults(folder: string, results: BenchmarkResults): Promise<string> {
  await mkdir(folder, { recursive: true });
  const path = join(folder, "results.json");
  await writeFileAtomic(path, `${JSON.stringify(results, null, 2)}\n`);
  return path;
}

/** A table of metrics, one row for each name before the last dot and one column for each after it; deviations beside their means. */
export function metricTable(metrics: Readonly<Record<string, number>>): string {
  const names = Object.keys(metrics).filter((metric) => !metric.endsWith(".sd"));
  const split = (metric: string) => [metric.slice(0, metric.lastIndexOf(".")), metric.slice(metric.lastIndexOf(".") + 1)] as const;
  const rows = [...new Set(names.map((metric) => split(metric)[0]))];
  const columns = [...new Set(names.map((metric) => split(metric)[1]))];
  const body = rows.map((row) => [row, ...columns.map((column) => percentOf(metrics, `${row}.${column}`))]);
  return formatTable([["", ...columns], ...body], ["left", ...columns.map(() => "right" as const)]);
}

/** The selected head, and the top-1 accuracy of all: a row for each learning rate, a column for each input. */
export function linearTable(metrics: Readonly<Record<string, number>>, notes: Readonly<Record<string, string>>): string {
  const heads = Object.keys(metrics).flatMap((metric) => {
    const match = /^linear\.(.+)\.(lr[^.].*)\.top1$/.exec(metric);
    return match ? [{ metric, input: match[1]!, rate: match[2]! }] : [];
  });
  const inputs = [...new Set(heads.map(({ input }) => input))];
  const rates = [...new Set(heads.map(({ rate }) => rate))];
  const body = rates.map((rate) => [rate, ...inputs.map((input) => percentOf(metrics, `linear.${input}.${rate}.top1`))]);
  return [
    `top-1 ${percentOf(metrics, "linear.top1")}, top-5 ${percentOf(metrics, "linear.top5")}:`,
    notes["linear.top1"],
    "",
    formatTable([["top-1", ...inputs], ...body], ["left", ...inputs.map(() => "right" as const)]),
  ].join("\n");
}

function percentOf(metrics: Readonly<Record<string, number>>, metric: string): string {
  const [share, deviation] = [metrics[metric], metrics[`${metric}.sd`]];
  if (share === undefined) return "";
  return `${(100 * share).toFixed(1)}${deviation === undefined ? "" : ` ± ${(100 * deviation).toFixed(1)}`} %`;
}
