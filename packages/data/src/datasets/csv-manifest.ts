import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";
import { InputError, nearestName } from "@dinov2/foundation";
import { CsvError, parse } from "csv-parse";
import { ClassLabels } from "./class-labels.ts";
import type { ImageDataset } from "./dataset.ts";
import { PathList } from "./path-list.ts";
import { WordColumn } from "./word-column.ts";

type Row = Readonly<Record<string, string>>;

/** Columns that are kept besides path and label: for telling train from test, and what must stay on one side. */
const keptColumns = ["split", "group"];

/**
 * Opens a CSV manifest: a header, a `path` column (relative to the manifest's folder) and, if wanted, a `label` column and
 * `split` and `group` columns. Rows keep their order. Labels are numbered by sorted distinct text (by value when all are
 * numbers); an empty label means none. The file is streamed.
 */
export async function openCsvManifest(file: string): Promise<ImageDataset> {
  const folder = dirname(resolve(file));
  const paths = new PathList();
  const labels = new ClassLabels();
  const columns = new Map(keptColumns.map((name) => [name, new WordColumn()]));
  for await (const row of rows(file)) {
    const { path = "", label = "" } = row;
    if (path === "") throw new InputError(`Manifest ${file}, image ${paths.length + 1}: the path is empty.`);
    paths.add(path, labels.number(label));
    for (const [name, column] of columns) if (name in row) column.add(row[name]!);
  }
  if (paths.length === 0) throw new InputError(`Manifest ${file} lists no image: it has no row below its header.`);
  return {
    length: paths.length,
    ...labels.settle(paths),
    name: (index) => paths.path(index),
    label: (index) => paths.label(index),
    source: (index) => resolve(folder, paths.path(index)),
    column: (name) => (columns.get(name)?.length === paths.length ? columns.get(name)?.all() : undefined),
  };
}

async function* rows(file: string): AsyncGenerator<Row> {
  const parser = parse({
    bom: true,
    trim: true,
    skip_empty_lines: true,
    columns: (header: string[]) => checkHeader(file, header),
  });
  const input = createReadStream(file).on("error", (error) => parser.destroy(error));
  try {
    yield* input.pipe(parser) as AsyncIterable<Row>;
  } catch (error) {
    if (error instanceof CsvError) throw new InputError(`Manifest ${file} is not valid CSV: ${error.message}`);
    throw error;
  } finally {
    input.destroy();
  }
}

function checkHeader(file: string, header: readonly string[]): string[] {
  if (!header.includes("path")) {
    const near = nearestName("path", header);
    const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
    throw new InputError(`Manifest ${file} has no column "path"; its columns are ${header.join(", ")}.${hint}`);
  }
  return [...header];
}
