// Where the bytes of an image lie, and how to get them.

import { readFile } from "node:fs/promises";
import { readPart, type FilePart } from "./file-part.ts";
import { readParquetValue, type ParquetValue } from "./parquet/parquet-value.ts";
import { planarTiff, type PlanarPixels } from "./planar-pixels.ts";

/** A file of its own, the part of a file that is the image, a value in a page of a Parquet file, or bare pixels in a file. */
export type ImageSource = string | FilePart | ParquetValue | PlanarPixels;

/** The bytes of an image as they are in its file, bare pixels as a TIFF file. Throws `InputError`, or the system's error, when they cannot be read. */
export function imageBytes(source: ImageSource): Promise<Uint8Array> {
  if (typeof source === "string") return readFile(source);
  if ("page" in source) return readParquetValue(source);
  return "width" in source ? planarTiff(source) : readPart(source);
}
