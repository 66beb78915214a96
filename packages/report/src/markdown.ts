// The short form for a pull request: the headline numbers, and what changed.

import type { BaselineRow } from "./baseline.ts";
import { baselineCells, baselineColumns } from "./baseline-section.ts";
import { headlines, metricText } from "./metric-words.ts";
import { modelName } from "./result-tables.ts";
import type { BenchmarkResults } from "./results.ts";

export interface MarkdownReport {
  readonly title: string;
  readonly results: readonly { readonly name: string; readonly results: BenchmarkResults }[];
  readonly baseline?: readonly BaselineRow[];
}

export function renderMarkdown({ title, results, baseline = [] }: MarkdownReport): string {
  const rows = results.map(({ name, results: one }) => {
    const metrics = headlines(one).map((metric) => `${metric} ${metricText(metric, one.metrics[metric]!)}`);
    return [name, one.benchmark, modelName(one), metrics.join(", ")];
  });
  const compared = baseline.length > 0 ? ["", table(baselineColumns, baseline.map(baselineCells))] : [];
  return [`## ${title}`, "", table(["results", "benchmark", "model", "metrics"], rows), ...compared, ""].join("\n");
}

const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("<", "&lt;")).join(" | ")} |`).join("\n");
