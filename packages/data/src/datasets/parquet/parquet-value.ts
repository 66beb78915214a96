// One value of a Parquet file, read from the page that it is in. A page is the least that a Parquet file can be read by; of
// images a page has a few (its size is about 1 MiB with the usual writers), so any image is one short read away.

import { InputError } from "@dinov2/foundation";
import { decompressPage, readDataPage, readDataPageV2 } from "hyparquet/src/datapage.js";
import { parquetHeader } from "hyparquet/src/column.js";
import { readPlain } from "hyparquet/src/plain.js";
import type { ColumnMetaData, PageHeader } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { readPart, type FilePart } from "../file-part.ts";

/** How the pages of one column of one row group are to be read. */
export interface PageLayout {
  readonly codec: ColumnMetaData["codec"];
  /** How many of the value and what it is in may be null. */
  readonly maxDefinitionLevel: number;
  /** Where values that occur more than once are listed, if they are. */
  readonly dictionary: FilePart | null;
}

/** Value `row` of the page that the part is, header included. */
export interface ParquetValue extends FilePart {
  readonly page: PageLayout;
  readonly row: number;
}

/** Larger pages would cost their whole reading and unpacking for each image in them. */
export const largestPage = 64 << 20;

type Values = readonly (Uint8Array | undefined)[];

/** The page that this thread read last: evaluation asks for its values one after another. */
let last: { readonly key: string; readonly values: Values } | undefined;

/** The bytes of a value. Throws `InputError` when the page is damaged, or the value null. */
export async function readParquetValue({ page, row, ...part }: ParquetValue): Promise<Uint8Array> {
  const key = `${part.file}:${part.offset}`;
  const values = last?.key === key ? last.values : await readPage(part, page);
  last = { key, values };
  const value = values[row];
  if (value === undefined) throw new InputError(`row ${row} of the page at byte ${part.offset} of ${part.file} has no image`);
  return value;
}

async function readPage(part: FilePart, layout: PageLayout): Promise<Values> {
  const bytes = await readPart(part);
  const dictionary = layout.dictionary && (await readPart(layout.dictionary));
  try {
    return decodePage(bytes, layout, dictionary ? decodeDictionary(dictionary, layout.codec) : undefined);
  } catch (error) {
    throw new InputError(`the page at byte ${part.offset} of ${part.file} is damaged: ${(error as Error).message}`);
  }
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** A page's header and what follows it. */
export function splitPage(bytes: Uint8Array): { header: PageHeader; headerBytes: number } {
  const reader = { view: viewOf(bytes), offset: 0 };
  const header = parquetHeader(reader);
  if (header.uncompressed_page_size > largestPage || header.compressed_page_size > largestPage) {
    throw new RangeError(`it has ${header.uncompressed_page_size} bytes, more than ${largestPage}`);
  }
  return { header, headerBytes: reader.offset };
}

function decodeDictionary(bytes: Uint8Array, codec: PageLayout["codec"]): Uint8Array[] {
  const { header, headerBytes } = splitPage(bytes);
  const page = decompressPage(bytes.subarray(headerBytes), header.uncompressed_page_size, codec, compressors);
  const count = header.dictionary_page_header?.num_values ?? 0;
  return readPlain({ view: viewOf(page), offset: 0 }, "BYTE_ARRAY", count, undefined) as Uint8Array[];
}

function decodePage(bytes: Uint8Array, { codec, maxDefinitionLevel }: PageLayout, dictionary: Uint8Array[] | undefined): Values {
  const { header, headerBytes } = splitPage(bytes);
  const body = bytes.subarray(headerBytes);
  const element = { name: "image", type: "BYTE_ARRAY" as const };
  const optional = { children: [], count: 0, path: [], element: { name: "", repetition_type: "OPTIONAL" as const } };
  const root = { ...optional, element: { name: "" } };
  const schemaPath = [root, ...Array<typeof optional>(maxDefinitionLevel).fill(optional)];
  const decoder = { pathInSchema: [], type: "BYTE_ARRAY" as const, element, schemaPath, codec, compressors, parsers: {} as never };
  const version1 = header.data_page_header;
  const page =
    version1 === undefined
      ? readDataPageV2(body, header, decoder)
      : readDataPage(decompressPage(body, header.uncompressed_page_size, codec, compressors), version1, decoder);
  const encoding = version1?.encoding ?? header.data_page_header_v2?.encoding;
  const present = encoding?.endsWith("DICTIONARY") ? Array.from(page.dataPage, (place) => dictionary?.[Number(place)]) : page.dataPage;
  const values = Array.from(present as ArrayLike<unknown>, (value) => (value instanceof Uint8Array ? value : undefined));
  if (page.definitionLevels === undefined || page.definitionLevels.length === 0) return values;
  let next = 0;
  return Array.from(page.definitionLevels, (level) => (level === maxDefinitionLevel ? values[next++] : undefined));
}
