// The page about a pretraining run: what came of it, how the training went. Plain data in, HTML out;
// what is shown of the metrics log is in `training-figures.ts`.
import { factList } from "./fact-list.ts";
import { html } from "./html.ts";
import { neighbourSection, type NeighbourComparison } from "./neighbours.ts";
import { page } from "./page.ts";
import { resultsTable, type ResultsTable } from "./results-table.ts";
import type { MetricRow } from "./series.ts";
import { trainingFigures } from "./training-figures.ts";

export interface PretrainReport {
  readonly title: string;
  /** Names and values worth knowing first: images, parameters, time, machine. */
  readonly facts?: Readonly<Record<string, string | number>>;
  /** The accuracies, one row per contender. */
  readonly table?: ResultsTable;
  readonly neighbours?: readonly NeighbourComparison[];
  /** The lines of `metrics.jsonl`. Measures named `knn…` make a curve of accuracy. */
  readonly metrics: readonly MetricRow[];
}

/**
 * One self-contained HTML page. Parts without data are left out.
 * @throws RangeError for an image that is no data URI
 */
export function renderPretrainReport({ title, facts, table, neighbours, metrics }: PretrainReport): string {
  return page(title, [
    facts ? factList(facts) : null,
    table ? html`<section><h2>Accuracy</h2>${resultsTable(table)}</section>` : null,
    neighbours?.length ? neighbourSection(neighbours) : null,
    ...trainingFigures(metrics),
  ]);
}
