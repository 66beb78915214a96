// The page about benchmarks: all models in one table, then for each result where it comes from and what there is to look at.
// Plain data in, HTML out; reading files is the app's work.

import { baselineSection } from "./baseline-section.ts";
import type { BaselineRow } from "./baseline.ts";
import { classBars, confusionFigure } from "./class-figures.ts";
import { factList } from "./fact-list.ts";
import { html, type Html } from "./html.ts";
import { lineChart } from "./line-chart.ts";
import { dataUri, neighbourLegend, neighbourRow, queryCard } from "./neighbours.ts";
import { page } from "./page.ts";
import { comparisonTables, metricsTable, modelName } from "./result-tables.ts";
import type { BenchmarkResults, Picture, QueryNeighbours } from "./results.ts";
import type { MetricRow } from "./series.ts";
import { trainingFigures } from "./training-figures.ts";

/** A results.json with the pictures beside it. */
export interface LoadedResults {
  /** The name of its folder. */
  readonly name: string;
  readonly results: BenchmarkResults;
  /** The `data:image/…` URI of each file that the details name. */
  readonly pictures: ReadonlyMap<string, string>;
}

export interface TrainingRun {
  readonly name: string;
  /** The lines of `metrics.jsonl`. */
  readonly metrics: readonly MetricRow[];
}

/** A picture that was made for the page. */
export interface PageFigure {
  readonly image: string;
  readonly caption: string;
}

export interface BenchmarkReport {
  readonly title: string;
  readonly results: readonly LoadedResults[];
  readonly runs?: readonly TrainingRun[];
  readonly baseline?: readonly BaselineRow[];
  /** Principal components of patch features. */
  readonly components?: readonly PageFigure[];
}

/**
 * One self-contained HTML page. Parts without data are left out.
 * @throws RangeError for an image that is no data URI
 */
export function renderBenchmarkReport({ title, results, runs = [], baseline = [], components = [] }: BenchmarkReport): string {
  const parts = [
    ...(results.length > 0 ? [{ title: "Results", body: html`${comparisonTables(results)}` }] : []),
    ...(baseline.length > 0 ? [{ title: "Beside the baseline", body: baselineSection(baseline) }] : []),
    ...(components.length > 0 ? [{ title: "What patches have in common", body: componentFigures(components) }] : []),
    ...results.map((one) => ({ title: `${one.name}: ${one.results.benchmark} of ${modelName(one.results)}`, body: resultBody(one) })),
    ...runs.map(({ name, metrics }) => ({ title: `Training of ${name}`, body: html`${trainingFigures(metrics)}` })),
  ];
  const links = parts.map((part, i) => html`<li><a href="#part-${i}">${part.title}</a></li>`);
  const sections = parts.map((part, i) => html`<section id="part-${i}"><h2>${part.title}</h2>
${part.body}</section>
`);
  return page(title, [html`<nav aria-label="On this page"><ul>${links}</ul></nav>`, sections]);
}

function resultBody({ results, pictures }: LoadedResults): Html {
  const { confusion = [], perClass = [], curves = [], neighbours = [], pictures: drawn = [] } = results.details ?? {};
  const curve = curves.map(({ title, xName, points }) => html`<figure class="panel">
<figcaption><strong>${title}</strong></figcaption>${lineChart(points, { noisy: false, xName })}</figure>`);
  return html`${provenance(results)}
${confusion.map(confusionFigure)}
${perClass.map(classBars)}
${curve.length > 0 ? html`<h3>Curves</h3><div class="panels">${curve}</div>` : null}
${neighbours.length > 0 ? nearest(neighbours, pictures) : null}
${pictureGroups(drawn, pictures)}`;
}

const value = (one: unknown) => (typeof one === "string" ? one : JSON.stringify(one));

const engineWord = ([name, one]: [string, unknown]) => (one === null ? [] : name === "threads" ? `${value(one)} thread${one === 1 ? "" : "s"}` : value(one));

/** What the numbers are of, and all that is needed to get them again. */
function provenance(results: BenchmarkResults): Html {
  const { data, versions, seed, seconds, finishedAt, backend, protocol, model } = results;
  const entries = (record: Readonly<Record<string, unknown>>) => Object.entries(record).map(([name, one]) => [name, value(one)]);
  const engine = typeof backend === "object" && backend !== null ? Object.entries(backend).flatMap(engineWord).slice(0, 4).join(", ") : value(backend);
  const facts = {
    "width of features": model.width, seed, engine,
    seconds: Number(seconds.toPrecision(3)), finished: finishedAt.slice(0, 16).replace("T", " "), "left out": `${data.skipped.length} files`,
  };
  const rest = Object.fromEntries([...entries(protocol), ...entries(versions), ["data", data.fingerprint]]) as Record<string, string>;
  return html`${factList(facts)}
<details><summary>Protocol, versions and fingerprint</summary>${factList(rest)}</details>
<details><summary>All ${Object.keys(results.metrics).length} metrics</summary>${metricsTable(results)}</details>`;
}

function nearest(queries: readonly QueryNeighbours[], pictures: ReadonlyMap<string, string>): Html {
  const cards = queries.map(({ query, neighbours }) => {
    const picture = ({ file, className }: { file: string; className: string }) => ({ image: pictures.get(file) ?? "", label: className });
    const found = neighbours.map((one) => ({ ...picture(one), similarity: one.similarity, correct: one.className === query.className }));
    return queryCard(picture(query), [neighbourRow("Nearest", found)]);
  });
  return html`<h3>Nearest neighbours</h3>${neighbourLegend}<div class="comparisons">${cards}</div>`;
}

function pictureGroups(drawn: readonly Picture[], pictures: ReadonlyMap<string, string>): Html[] {
  return [...new Set(drawn.map(({ folder }) => folder))].map((folder) => {
    const figures = drawn.filter((one) => one.folder === folder).map(({ file, name, caption }) => figure(pictures.get(file) ?? "", name, caption));
    return html`<h3>${folder[0]!.toUpperCase() + folder.slice(1)}</h3><div class="pictures">${figures}</div>`;
  });
}

function componentFigures(components: readonly PageFigure[]): Html {
  return html`<p class="explanation">Principal components of patch features. The first, by its sign, keeps the foreground; the next
three, over the foreground of all images, are red, green and blue. Equal colours: parts that the network holds for alike.</p>
<div class="pictures">${components.map(({ image, caption }) => figure(image, caption))}</div>`;
}

const figure = (image: string, name: string, caption?: string) => html`<figure class="panel">
<img src="${dataUri(image)}" alt="${caption ? `${name}: ${caption}` : name}" decoding="async">
<figcaption>${name}${caption ? html`<span class="change">${caption}</span>` : null}</figcaption></figure>`;
