import { createReadStream } from "node:fs";
import { dirname, resolve } from "node:path";
import { InputError, nearestName } from "@dinov2/foundation";
import { CsvError, parse } from "csv-parse";
import type { ImageDataset } from "./dataset.ts";
import { ManifestRows } from "./manifest-rows.ts";

type Row = Readonly<Record<string, string>>;

/**
 * Opens a CSV manifest: a header, a `path` column (relative to the manifest's folder) and, if wanted, a `label` column and
 * `split` and `group` columns. Rows keep their order. Labels are numbered by sorted distinct text (by value when all are
 * numbers); an empty label means none. The file is streamed.
 */
export async function openCsvManifest(file: string): Promise<ImageDataset> {
  const folder = dirname(resolve(file));
  const manifest = new ManifestRows();
  for await (const row of rows(file)) manifest.add(row, file, folder);
  if (manifest.length === 0) throw new InputError(`Manifest ${file} lists no image: it has no row below its header.`);
  return manifest.dataset();
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
