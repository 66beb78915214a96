// Where the bytes of an image lie, and how to get them.

import { readFile } from "node:fs/promises";
import { readPart, type FilePart } from "./file-part.ts";
import { readParquetValue, type ParquetValue } from "./parquet/parquet-value.ts";

/** A file of its own, the part of a file that is the image, or a value in a page of a Parquet file. */
export type ImageSource = string | FilePart | ParquetValue;

/** The bytes of an image as they are in its file. Throws `InputError`, or the system's error, when they cannot be read. */
export function imageBytes(source: ImageSource): Promise<Uint8Array> {
  if (typeof source === "string") return readFile(source);
  return "page" in source ? readParquetValue(source) : readPart(source);
}
