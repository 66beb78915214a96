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

/** A table of metrics, one row for each name before the last dot and one column for each after it. */
export function metricTable(metrics: Readonly<Record<string, number>>): string {
  const split = (metric: string) => [metric.slice(0, metric.lastIndexOf(".")), metric.slice(metric.lastIndexOf(".") + 1)] as const;
  const rows = [...new Set(Object.keys(metrics).map((metric) => split(metric)[0]))];
  const columns = [...new Set(Object.keys(metrics).map((metric) => split(metric)[1]))];
  const body = rows.map((row) => [row, ...columns.map((column) => percent(metrics[`${row}.${column}`]))]);
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
  const body = rates.map((rate) => [rate, ...inputs.map((input) => percent(metrics[`linear.${input}.${rate}.top1`]))]);
  return [
    `top-1 ${percent(metrics["linear.top1"])}, top-5 ${percent(metrics["linear.top5"])}:`,
    notes["linear.top1"],
    "",
    formatTable([["top-1", ...inputs], ...body], ["left", ...inputs.map(() => "right" as const)]),
  ].join("\n");
}

const percent = (share: number | undefined) => (share === undefined ? "" : `${(100 * share).toFixed(1)} %`);
