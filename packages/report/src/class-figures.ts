// How the classes fare: which are taken for which, and a bar for each.

import { html, type Html } from "./html.ts";
import { formatPercent } from "./numbers.ts";
import type { Confusion, PerClass } from "./results.ts";
import { resultsTable } from "./results-table.ts";
import { scrollingTable } from "./scrolling-table.ts";

/** With more classes a table is longer than anyone reads at once: it is folded, and the confusion is a list of its worst. */
const readableClasses = 25;
const worstPairs = 20;

export function confusionFigure(confusion: Confusion): Html {
  const { of, classNames } = confusion;
  const large = classNames.length > readableClasses;
  return html`<h3>Confusion, ${of}</h3>
<p class="explanation">${large
    ? `The ${worstPairs} pairs that are mixed up most often.`
    : "Rows: the class of the image. Columns: the class it was taken for. Framed: right. Shade: the share of the row."}</p>
${large ? worst(confusion) : matrix(confusion)}`;
}

function matrix({ of, classNames, counts }: Confusion): Html {
  const head = ["", ...classNames].map((name) => html`<th scope="col">${name}</th>`);
  const rows = counts.map((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0) || 1;
    const cell = (count: number, taken: number) =>
      html`<td class="${taken === label ? "hit" : "miss"}" style="--share: ${(count / total).toFixed(3)}">${count === 0 ? "·" : count}</td>`;
    return [html`<th scope="row">${classNames[label]!}</th>`, ...row.map(cell)];
  });
  return html`<div class="confusion">${scrollingTable(`Confusion, ${of}`, head, rows)}</div>`;
}

function worst({ classNames, counts }: Confusion): Html {
  const pairs = counts.flatMap((row, label) => {
    const total = row.reduce((sum, count) => sum + count, 0);
    return row.flatMap((count, taken) => (taken !== label && count > 0 ? [{ label, taken, count, share: count / total }] : []));
  });
  pairs.sort((a, b) => b.count - a.count || b.share - a.share);
  const rows = pairs.slice(0, worstPairs).map(({ label, taken, count, share }) => [classNames[label]!, classNames[taken]!, count, share]);
  return resultsTable({ columns: ["class", "taken for", "images", { name: "share of the class", percent: true }], rows });
}

/** Bars, the lowest class first. */
export function classBars({ of, measure, classNames, values }: PerClass): Html {
  const rows = classNames
    .map((name, i) => ({ name, value: values[i] ?? null }))
    .sort((a, b) => (a.value ?? 2) - (b.value ?? 2))
    .map(({ name, value }) => [name, value ?? "no image"]);
  const present = values.filter((value) => value !== null);
  const mean = formatPercent(present.reduce((sum, value) => sum + value, 0) / present.length);
  const table = resultsTable({ caption: `The lowest first; the mean over classes is ${mean} %.`, columns: ["class", { name: measure, percent: true }], rows });
  return html`<h3>${measure[0]!.toUpperCase()}${measure.slice(1)} of each class, ${of}</h3>
${rows.length > readableClasses ? html`<details><summary>${rows.length} classes</summary>${table}</details>` : table}`;
}
