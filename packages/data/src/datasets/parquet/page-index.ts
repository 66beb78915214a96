// Where the pages of a column are, from their headers alone.

import type { FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import type { ColumnMetaData } from "hyparquet";
import type { FilePart } from "../file-part.ts";
import { splitPage, type PageLayout } from "./parquet-value.ts";

/** A page with values: of `count` rows, in order. */
export interface Page {
  readonly part: FilePart;
  readonly layout: PageLayout;
  readonly count: number;
}

/** Headers are a few dozen bytes, or some thousand with statistics. */
const headerWindows = [1 << 10, 1 << 16, 1 << 20];

/** The data pages of one column of one row group. Throws `InputError` with file and offset for what cannot be read. */
export async function pagesOf(file: string, handle: FileHandle, column: ColumnMetaData, maxDefinitionLevel: number): Promise<Page[]> {
  const dictionaryAt = Number(column.dictionary_page_offset ?? 0);
  const dataAt = Number(column.data_page_offset);
  const start = dictionaryAt > 0 ? Math.min(dictionaryAt, dataAt) : dataAt;
  const end = start + Number(column.total_compressed_size);
  const pages: Page[] = [];
  let dictionary: FilePart | null = null;
  for (let offset = start; offset < end; ) {
    const { header, headerBytes } = await headerAt(file, handle, offset, end);
    const part = { file, offset, size: headerBytes + header.compressed_page_size };
    if (header.compressed_page_size < 0 || offset + part.size > end) throw damaged(file, offset, "it reaches beyond its column");
    const count = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values;
    if (header.type === "DICTIONARY_PAGE") dictionary = part;
    else if (count !== undefined && count >= 0) pages.push({ part, count, layout: { codec: column.codec, maxDefinitionLevel, dictionary } });
    offset += part.size;
  }
  return pages;
}

async function headerAt(file: string, handle: FileHandle, offset: number, end: number): Promise<ReturnType<typeof splitPage>> {
  let problem: unknown;
  for (const window of headerWindows) {
    const buffer = Buffer.alloc(Math.min(window, end - offset));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
    try {
      return splitPage(buffer.subarray(0, bytesRead));
    } catch (error) {
      problem = error;
    }
  }
  throw damaged(file, offset, (problem as Error).message);
}

function damaged(file: string, offset: number, reason: string): InputError {
  return new InputError(
    `Parquet file ${file}, page at byte ${offset}: ${reason}. Fetch it again, or write it with smaller pages (data_page_size).`,
  );
}
