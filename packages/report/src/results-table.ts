// A table of results: one row per contender, numbers as mean ± spread.
import { html, type Content, type Html } from "./html.ts";
import { formatNumber, formatPercent } from "./numbers.ts";
import { scrollingTable } from "./scrolling-table.ts";

/** Several runs of the same measurement. */
export interface Spread {
  readonly mean: number;
  /** Standard deviation over the runs, or what the caption says it is. */
  readonly spread: number;
}

/** Mean and sample standard deviation; one value has no spread. */
export function meanAndSpread(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, spread: values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0 };
}

export type Cell = string | number | Spread;

export interface Column {
  readonly name: string;
  /** Numbers are shares of 1, shown as percent with a bar. */
  readonly percent?: boolean;
}

export interface ResultsTable {
  readonly caption?: string;
  readonly columns: readonly (string | Column)[];
  /** The first cell of a row is its name. */
  readonly rows: readonly (readonly Cell[])[];
}

export function resultsTable({ caption, columns, rows }: ResultsTable): Html {
  const heads = columns.map((column): Column => (typeof column === "string" ? { name: column } : column));
  // A column of words is aligned as words, its head as well.
  const isWords = (column: number) => rows.some((row) => isText(row[column]!));
  const alignment = (column: number) => (isWords(column) ? "words" : "numbers");
  const head = heads.map(({ name }, i) => html`<th scope="col" class="${alignment(i)}">${name}</th>`);
  const body = rows.map((row) => row.map((cell, i) => tableCell(cell, heads[i], i === 0)));
  return html`<figure class="results">
${caption ? html`<figcaption class="explanation">${caption}</figcaption>` : null}
${scrollingTable(caption ?? "Results", head, body)}
</figure>`;
}

/** Not a number in words: "0.449", "44.1 %", "–" for one that is missing. */
const isText = (cell: Cell) => typeof cell === "string" && !/^(–|[−-]?\d[\d.,]*( ± [\d.]+)?( %)?)$/.test(cell);

function tableCell(cell: Cell, column: Column | undefined, isName: boolean): Html {
  const text = cellText(cell, column?.percent === true);
  if (isName) return html`<th scope="row">${text}</th>`;
  if (typeof cell === "string") return html`<td class="${isText(cell) ? "words" : "numbers"}">${text}</td>`;
  const share = typeof cell === "number" ? cell : cell.mean;
  const bar = column?.percent
    ? html`<span class="bar" style="--share: ${Math.min(1, Math.max(0, share)).toFixed(4)}"></span>`
    : null;
  return html`<td>${text}${bar}</td>`;
}

function cellText(cell: Cell, percent: boolean): Content {
  if (typeof cell === "string") return cell;
  const format = percent ? formatPercent : formatNumber;
  const unit = percent ? " %" : "";
  return typeof cell === "number" ? `${format(cell)}${unit}` : `${format(cell.mean)} ± ${format(cell.spread)}${unit}`;
}
