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

/** The selected head, and all by what it is selected by: a row for each learning rate, a column for each input. */
export function linearTable(metrics: Readonly<Record<string, number>>, notes: Readonly<Record<string, string>>, selectedBy: unknown): string {
  const [metric, title] = selectedBy === "mean-per-class" ? ["mean_per_class", "mean per class"] : ["top1", "top-1"];
  const heads = Object.keys(metrics).flatMap((metric) => {
    const match = /^linear\.(.+)\.(lr[^.].*)\.top1$/.exec(metric);
    return match ? [{ metric, input: match[1]!, rate: match[2]! }] : [];
  });
  const inputs = [...new Set(heads.map(({ input }) => input))];
  const rates = [...new Set(heads.map(({ rate }) => rate))];
  const body = rates.map((rate) => [rate, ...inputs.map((input) => percentOf(metrics, `linear.${input}.${rate}.${metric}`))]);
  const further = Object.keys(metrics).flatMap((metric) => /^(.+)\/linear\.top1$/.exec(metric)?.[1] ?? []);
  return [
    `${scoreWords(metrics, "linear")}:`,
    notes["linear.top1"],
    ...further.map((name) => `${name}: ${scoreWords(metrics, `${name}/linear`)}`),
    "",
    formatTable([[title, ...inputs], ...body], ["left", ...inputs.map(() => "right" as const)]),
  ].join("\n");
}

/** "top-1 81.1 %, top-5 95.0 %" and so on, of what there is. */
function scoreWords(metrics: Readonly<Record<string, number>>, row: string): string {
  const words = Object.entries({ top1: "top-1", top5: "top-5", mean_per_class: "mean per class" });
  return words.flatMap(([name, word]) => (`${row}.${name}` in metrics ? `${word} ${percentOf(metrics, `${row}.${name}`)}` : [])).join(", ");
}

function percentOf(metrics: Readonly<Record<string, number>>, metric: string): string {
  const [share, deviation] = [metrics[metric], metrics[`${metric}.sd`]];
  if (share === undefined) return "";
  return `${(100 * share).toFixed(1)}${deviation === undefined ? "" : ` ± ${(100 * deviation).toFixed(1)}`} %`;
}
