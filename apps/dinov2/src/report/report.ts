// From folders to a page: reads what is in each, compares, writes, says what is worse.

import { printResult, requireWritable, type CommonOptions, type ImageOptions } from "@dinov2/cli";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { compareWithBaseline, renderBenchmarkReport, renderMarkdown, type BaselineRow, type PageFigure } from "@dinov2/report";
import { openFolders, readBaselineFile } from "./folders.ts";

export interface ReportOptions extends CommonOptions, ImageOptions {
  readonly out: string;
  readonly markdown?: string;
  readonly baseline?: string;
  readonly title: string;
  readonly pca?: string;
  readonly model?: string;
}

export async function writeReport(folders: readonly string[], options: ReportOptions): Promise<void> {
  const { out, markdown, title } = options;
  await requireWritable("--out", out, "file");
  if (markdown !== undefined) await requireWritable("--markdown", markdown, "file");
  const { results, runs } = await openFolders(folders);
  const baseline = options.baseline === undefined ? [] : await compared(options.baseline, results);
  const components = await drawn(options);
  await writeFileAtomic(out, renderBenchmarkReport({ title, results, runs, baseline, components }));
  if (markdown !== undefined) await writeFileAtomic(markdown, renderMarkdown({ title, results, baseline }));

  const worse = baseline.filter(({ verdict }) => verdict === "worse");
  printResult(options, { written: out, results: results.length, runs: runs.length, baseline }, () =>
    [`${count(results.length, "benchmark")} and ${count(runs.length, "run")}, written to ${out}`, ...changes(baseline)].join("\n"));
  if (worse.length > 0) {
    const rows = worse.map(({ row, value, expected, band }) => `${row} is ${value.toFixed(4)}, expected ${expected} ± ${String(band)}`);
    throw new Error(`Worse than ${String(options.baseline)}: ${rows.join("; ")}.`);
  }
}

/** What is beyond its band for the better, and how speeds changed. */
function changes(baseline: readonly BaselineRow[]): string[] {
  return baseline.flatMap(({ row, value, expected, verdict }) => {
    if (verdict === "better") return [`${row} is better than its band: ${value.toFixed(4)}, expected ${expected}; a new baseline may be due`];
    return verdict === "shown" ? [`${row}: ${(value / expected).toFixed(2)}× the baseline's`] : [];
  });
}

async function drawn({ pca, model, ...options }: ReportOptions): Promise<PageFigure[]> {
  if (pca === undefined) return [];
  if (model === undefined) throw new InputError("--pca needs --model, the network whose patches are drawn.");
  const { drawComponents } = await import("./components.ts");
  return drawComponents(pca, model, options);
}

async function compared(file: string, results: Parameters<typeof compareWithBaseline>[1]): Promise<BaselineRow[]> {
  const baseline = await readBaselineFile(file);
  try {
    return compareWithBaseline(baseline, results);
  } catch (error) {
    throw error instanceof RangeError ? new InputError(`${file}: ${error.message}`) : error;
  }
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? "" : "s"}`;
