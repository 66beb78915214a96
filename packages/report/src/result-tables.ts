// Tables of benchmark results: all models beside each other, what was published on the same data, and every number of one.

import type { LoadedResults } from "./benchmark-report.ts";
import { html, type Html } from "./html.ts";
import { headlines, isShare, metricText } from "./metric-words.ts";
import { publishedBeside } from "./published.ts";
import type { BenchmarkResults } from "./results.ts";
import { resultsTable, type Cell } from "./results-table.ts";

export const modelName = ({ model }: BenchmarkResults): string => `${model.source}${model.untrained ? ", untrained" : ""}`;

/** One table for each benchmark and data: rows are models, columns are metrics; the published numbers below. */
export function comparisonTables(all: readonly LoadedResults[]): Html[] {
  const key = ({ results }: LoadedResults) => `${results.benchmark}\0${results.data.fingerprint}`;
  return [...new Set(all.map(key))].map((group) => comparison(all.filter((one) => key(one) === group)));
}

function comparison(group: readonly LoadedResults[]): Html {
  const { results } = group[0]!;
  const metrics = [...new Set(group.flatMap((one) => headlines(one.results)))];
  const cell = (metric: string, value: number | undefined): Cell =>
    value === undefined ? "–" : isShare(metric) && Number.isFinite(value) ? value : metricText(metric, value);
  const rows = group.map((one) => [modelName(one.results), ...metrics.map((metric) => cell(metric, one.results.metrics[metric]))]);
  const { data } = results;
  const classes = data.classes === undefined ? "" : ` in ${data.classes} classes`;
  const caption = `${data.source}: ${data.trainImages} train and ${data.testImages} test images${classes}; ${data.origin}.`;
  return html`<h3>${results.benchmark}</h3>
${resultsTable({ caption, columns: ["model", ...metrics.map((name) => ({ name, percent: isShare(name) }))], rows })}
${publishedTables(results)}`;
}

function publishedTables(results: BenchmarkResults): Html[] {
  return publishedBeside(results).map(({ name, source, columns, rows }) => {
    const caption = `Published by the authors of DINOv2, not measured here, on ${name}. Source: ${source}.`;
    const cells = Object.entries(rows).map(([model, values]) => [model, ...values]);
    return html`<div class="published">${resultsTable({ caption, columns: ["published model", ...columns], rows: cells })}</div>`;
  });
}

/** Every metric of one result with its note. */
export function metricsTable({ metrics, notes }: BenchmarkResults): Html {
  const rows = Object.entries(metrics).map(([name, value]) => [name, metricText(name, value), notes[name] ?? ""]);
  return resultsTable({ columns: ["metric", "value", "note"], rows });
}
