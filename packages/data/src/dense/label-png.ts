// The numbers that a PNG stores for its pixels: indices of a palette or grey values, as they are. A decoder of pictures would
// turn both into colours, and masks of classes are no pictures. Format: https://www.w3.org/TR/png-3/, sections 5, 7.2 and 9.

import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { DecodeError, defaultPixelLimit } from "../decode.ts";
import type { LabelMap } from "./dense-dataset.ts";

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const [grey, palette] = [0, 3];

/**
 * A mask of at most 8 bits with one channel: what is stored for each pixel.
 * @throws DecodeError that names the file
 */
export async function readLabelPng(path: string): Promise<LabelMap> {
  try {
    return decodeLabels(await readFile(path));
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code === "ENOENT" ? "the file is not there" : (error as Error).message;
    throw new DecodeError(path, `not a mask of classes: ${reason}`);
  }
}

function decodeLabels(file: Buffer): LabelMap {
  const { header, content } = readChunks(file);
  if (header.length < 13) throw new Error("it has no header");
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  const [bits, colour, interlace] = [header[8]!, header[9]!, header[12]!];
  if ((colour !== grey && colour !== palette) || bits > 8) {
    throw new Error(`a PNG of ${bits} bits and colour type ${colour}; expected grey values or a palette, of at most 8 bits`);
  }
  if (interlace !== 0) throw new Error("an interlaced PNG; store it without interlacing");
  if (width * height > defaultPixelLimit) throw new Error(`${width} × ${height} pixels; expected at most ${defaultPixelLimit}`);
  const stride = Math.ceil((width * bits) / 8);
  const size = height * (stride + 1);
  const rows = inflateSync(content, { maxOutputLength: size + 1 });
  if (rows.length !== size) throw new Error(`its pixels are ${rows.length} bytes; expected ${size}, so it is damaged`);
  return { width, height, labels: unpack(unfilter(rows, height, stride), width, height, bits) };
}

function readChunks(file: Buffer): { readonly header: Buffer; readonly content: Buffer } {
  if (!file.subarray(0, 8).equals(signature)) throw new Error("it is no PNG");
  let header: Buffer = Buffer.alloc(0);
  const content: Buffer[] = [];
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    const body = file.subarray(at + 8, at + 8 + length);
    if (type === "IHDR") header = body;
    if (type === "IDAT") content.push(body);
    at += 12 + length;
  }
  return { header, content: Buffer.concat(content) };
}

/** Undoes the filter of each row. With one sample of at most 8 bits a pixel, the byte to the left is always 1 away. */
function unfilter(rows: Uint8Array, height: number, stride: number): Uint8Array {
  const bytes = new Uint8Array(height * stride);
  for (let y = 0; y < height; y++) {
    const filter = rows[y * (stride + 1)]!;
    for (let x = 0; x < stride; x++) {
      const at = y * stride + x;
      const left = x > 0 ? bytes[at - 1]! : 0;
      const above = y > 0 ? bytes[at - stride]! : 0;
      const corner = x > 0 && y > 0 ? bytes[at - stride - 1]! : 0;
      bytes[at] = rows[y * (stride + 1) + 1 + x]! + predicted(filter, left, above, corner);
    }
  }
  return bytes;
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4:
      return paeth(left, above, corner);
    default:
      throw new Error(`a row has the filter ${filter}; expected 0 to 4, so it is damaged`);
  }
}

/** The neighbour nearest to left + above − corner; of equal ones the first. */
function paeth(left: number, above: number, corner: number): number {
  const [toLeft, toAbove, toCorner] = [Math.abs(above - corner), Math.abs(left - corner), Math.abs(left + above - 2 * corner)];
  if (toLeft <= toAbove && toLeft <= toCorner) return left;
  return toAbove <= toCorner ? above : corner;
}

/** Bytes with 8 / bits pixels each, the first in the highest bits, to one byte a pixel. */
function unpack(bytes: Uint8Array, width: number, height: number, bits: number): Uint8Array {
  if (bits === 8) return bytes;
  const stride = Math.ceil((width * bits) / 8);
  return Uint8Array.from({ length: width * height }, (_, i) => {
    const bit = (i % width) * bits;
    return (bytes[Math.floor(i / width) * stride + (bit >> 3)]! >> (8 - bits - (bit & 7))) & ((1 << bits) - 1);
  });
}
