// Where the bytes of an image lie, and how to get them.

import { readFile, stat } from "node:fs/promises";
import { largestPart, readPart, type FilePart } from "./file-part.ts";
import { readParquetValue, type ParquetValue } from "./parquet/parquet-value.ts";
import { readPersistently } from "./persistent-read.ts";
import { planarTiff, type PlanarPixels } from "./planar-pixels.ts";

/** A file of its own, the part of a file that is the image, a value in a page of a Parquet file, or bare pixels in a file. */
export type ImageSource = string | FilePart | ParquetValue | PlanarPixels;

/** The bytes of an image as they are in its file, bare pixels as a TIFF file. Throws `InputError`, or the system's error, when they cannot be read. */
export const imageBytes = (source: ImageSource): Promise<Uint8Array> => readPersistently(() => readBytes(source));

/**
 * What a decoder reads: the bytes, so that the system's error is known when they cannot be read, or the path of a file that is too
 * large to be held as a whole. Throws as `imageBytes` does.
 */
export const decoderInput = (source: ImageSource): Promise<string | Uint8Array> =>
  readPersistently(async () => {
    const isLarge = typeof source === "string" && (await stat(source)).size > largestPart;
    return isLarge ? source : readBytes(source);
  });

function readBytes(source: ImageSource): Promise<Uint8Array> {
  if (typeof source === "string") return readFile(source);
  if ("page" in source) return readParquetValue(source);
  return "width" in source ? planarTiff(source) : readPart(source);
}
