// Parquet files: of image paths, as a CSV manifest, or with the images in them, as Hugging Face's datasets are.

import { open } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { InputError, nearestName } from "@dinov2/foundation";
import { parquetMetadataAsync, parquetReadObjects, parquetSchema, type AsyncBuffer, type FileMetaData, type SchemaTree } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { ManifestRows } from "../manifest-rows.ts";
import type { ImageDataset } from "../dataset.ts";
import { namedFiles } from "../named-files.ts";
import { pagesOf } from "./page-index.ts";
import { PageList } from "./page-list.ts";

/** Columns that are read besides the image or its path. */
const factColumns = ["label", "split", "group"];

/** Whether the text names Parquet files. */
export function looksLikeParquet(source: string): boolean {
  return /\.parquet$/i.test(source);
}

/**
 * Opens the Parquet files that `pattern` names: one, a range "{00..12}" or a glob. Each has a column `image` of encoded images
 * (bytes, or a struct with `bytes`) or a column `path` (relative to the file's folder), and if wanted `label`, `split` and
 * `group`. Row groups are read one at a time, of the images only where they lie.
 */
export async function openParquet(pattern: string): Promise<ImageDataset> {
  const files = await namedFiles(pattern);
  const rows = new ManifestRows();
  const pages = new PageList();
  let labelNames: readonly string[] | undefined;
  for (const file of files) {
    await withParquet(file, async (parquet) => {
      labelNames ??= labelNamesOf(parquet.metadata);
      await (imageColumn(parquet) === undefined ? addPaths(parquet, rows) : addImages(parquet, rows, pages));
    });
  }
  if (rows.length === 0) throw new InputError(`${pattern} lists no image: it has no row.`);
  if (pages.length !== 0 && pages.length !== rows.length) {
    throw new InputError(`${pattern}: some files hold images, others paths; open them as two sources.`);
  }
  const dataset = rows.dataset(labelNames);
  return pages.length === 0 ? dataset : { ...dataset, source: (index) => pages.part(index), blocks: pages.blocks() };
}

interface Parquet {
  readonly file: string;
  readonly handle: Awaited<ReturnType<typeof open>>;
  readonly buffer: AsyncBuffer;
  readonly metadata: FileMetaData;
}

async function withParquet(file: string, use: (parquet: Parquet) => Promise<void>): Promise<void> {
  const handle = await open(file);
  try {
    const byteLength = (await handle.stat()).size;
    const buffer: AsyncBuffer = {
      byteLength,
      async slice(start, end = byteLength) {
        const bytes = new Uint8Array(end - start);
        await handle.read(bytes, 0, bytes.length, start);
        return bytes.buffer;
      },
    };
    const metadata = await parquetMetadataAsync(buffer);
    await use({ file, handle, buffer, metadata });
  } catch (error) {
    if (error instanceof InputError || (error as NodeJS.ErrnoException).syscall !== undefined) throw error;
    throw new InputError(`${file} is not a readable Parquet file: ${(error as Error).message}.`);
  } finally {
    await handle.close();
  }
}

/** The leaf of encoded images: column `image` itself, or `bytes` in it. */
function imageColumn({ metadata }: Parquet): { readonly path: readonly string[]; readonly levels: number } | undefined {
  const image = parquetSchema(metadata).children.find(({ element }) => element.name === "image");
  const leaf = image?.children.find(({ element }) => element.name === "bytes") ?? image;
  if (leaf === undefined || leaf.element.type !== "BYTE_ARRAY") return undefined;
  const chain = leaf === image ? [leaf] : [image!, leaf];
  return { path: leaf.path, levels: chain.filter(({ element }) => element.repetition_type !== "REQUIRED").length };
}

async function addImages(parquet: Parquet, rows: ManifestRows, pages: PageList): Promise<void> {
  const { file, handle, metadata } = parquet;
  const { path, levels } = imageColumn(parquet)!;
  const name = basename(file);
  let row = 0;
  let group = 0;
  for await (const facts of factsByGroup(parquet, factColumns)) {
    const column = metadata.row_groups[group++]!.columns.find((each) => each.meta_data?.path_in_schema.join() === path.join())?.meta_data;
    if (column === undefined) throw new InputError(`${file}: row group ${group} has no image column.`);
    const found = await pagesOf(file, handle, column, levels);
    const count = found.reduce((sum, page) => sum + page.count, 0);
    if (count !== facts.length) throw new InputError(`${file}: row group ${group} has ${facts.length} rows but ${count} images.`);
    for (const page of found) pages.add(page);
    for (const fact of facts) rows.add({ ...fact, path: `${name}/${row++}` }, name);
  }
}

async function addPaths(parquet: Parquet, rows: ManifestRows): Promise<void> {
  const { file } = parquet;
  const columns = columnNames(parquet);
  if (!columns.includes("path")) {
    const near = nearestName("path", columns) ?? nearestName("image", columns);
    const hint = near === undefined ? "" : ` Did you mean "${near}"?`;
    throw new InputError(`${file} has neither a column "image" of bytes nor "path"; its columns are ${columns.join(", ")}.${hint}`);
  }
  const folder = dirname(resolve(file));
  for await (const facts of factsByGroup(parquet, ["path", ...factColumns])) for (const fact of facts) rows.add(fact, file, folder);
}

const columnNames = ({ metadata }: Parquet) => parquetSchema(metadata).children.map(({ element }: SchemaTree) => element.name);

/** The small columns of one row group after another, as text. */
async function* factsByGroup(parquet: Parquet, wanted: readonly string[]): AsyncGenerator<Record<string, string>[]> {
  const { buffer: file, metadata } = parquet;
  const columns = columnNames(parquet).filter((name) => wanted.includes(name));
  let start = 0;
  for (const { num_rows } of metadata.row_groups) {
    const end = start + Number(num_rows);
    const rows =
      columns.length === 0
        ? Array.from({ length: end - start }, () => ({}))
        : await parquetReadObjects({ file, metadata, columns: [...columns], rowStart: start, rowEnd: end, compressors });
    yield rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asText(value)])));
    start = end;
  }
}

/** A number, text or null of a column; -1 is how unlabelled images of Hugging Face's test splits are marked. */
function asText(value: unknown): string {
  if (value === null || value === undefined || value === -1 || value === -1n) return "";
  return typeof value === "object" ? JSON.stringify(value) : String(value as string | number | bigint);
}

/** Names of numbered labels, where Hugging Face's `datasets` wrote the file. */
function labelNamesOf({ key_value_metadata: facts }: FileMetaData): readonly string[] | undefined {
  const text = facts?.find(({ key }) => key === "huggingface")?.value;
  try {
    const { info } = JSON.parse(text ?? "{}") as { info?: { features?: { label?: { names?: readonly string[] } } } };
    return info?.features?.label?.names;
  } catch {
    return undefined;
  }
}
