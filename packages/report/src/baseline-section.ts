import type { BaselineRow } from "./baseline.ts";
import type { Html } from "./html.ts";
import { metricText } from "./metric-words.ts";
import { formatNumber } from "./numbers.ts";
import { resultsTable } from "./results-table.ts";

const words = { within: "within its band", better: "better than its band", worse: "WORSE than its band", shown: "shown only" } as const;

/** A row in words: name, baseline, now, change, verdict. */
export function baselineCells({ row, expected, value, band, verdict }: BaselineRow): string[] {
  if (band === undefined) {
    return [row, formatNumber(expected, 3), formatNumber(value, 3), `${formatNumber(value / expected, 3)}×`, words[verdict]];
  }
  const metric = row.slice(row.lastIndexOf(" ") + 1);
  const change = value - expected;
  const signed = `${change < 0 ? "" : "+"}${metricText(metric, change)}`;
  return [row, `${metricText(metric, expected)} ± ${metricText(metric, band)}`, metricText(metric, value), signed, words[verdict]];
}

export const baselineColumns = ["row", "baseline ± band", "now", "change", "verdict"];

export function baselineSection(rows: readonly BaselineRow[]): Html {
  const worse = rows.filter(({ verdict }) => verdict === "worse").length;
  const caption = worse > 0
    ? `${worse} of ${rows.length} rows are worse by more than noise.`
    : "No row is worse by more than noise. Speeds are the machine's, and never fail.";
  return resultsTable({ caption, columns: baselineColumns, rows: rows.map(baselineCells) });
}
