// For this package's tests: folders of small pictures that are there for the length of one test.

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { RandomStream } from "@dinov2/foundation";
import sharp from "sharp";
import { onTestFinished } from "vitest";
import type { RgbImage } from "./images.ts";

export function noiseImage(width: number, height: number, seed = 0): RgbImage {
  const random = RandomStream.fromSeed(seed);
  return { width, height, data: Uint8Array.from({ length: width * height * 3 }, () => random.integer(256)) };
}

/** A smooth picture with some noise: what a photo is to resampling and to JPEG. */
export function smoothImage(width: number, height: number, seed = 0): RgbImage {
  const random = RandomStream.fromSeed(seed);
  const phase = random.uniform(0, 6);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    const wave = Math.sin((pixel % width) / 7 + phase + i) + Math.cos(Math.floor(pixel / width) / 5);
    return Math.max(0, Math.min(255, 128 + 50 * wave + random.uniform(-9, 9)));
  });
  return { width, height, data };
}

export function encode(image: RgbImage, format: "png" | "jpeg" = "png"): Promise<Buffer> {
  const { width, height, data } = image;
  return sharp(data, { raw: { width, height, channels: 3 } })[format]().toBuffer();
}

/** Makes a folder with these files (path → content), and removes it after the test. Folders end in "/". */
export async function temporaryFolder(files: Readonly<Record<string, string | Uint8Array>>): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "dinov2-data-"));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const [path, content] of Object.entries(files)) {
    await mkdir(path.endsWith("/") ? join(root, path) : dirname(join(root, path)), { recursive: true });
    if (!path.endsWith("/")) await writeFile(join(root, path), content);
  }
  return root;
}

/** A flat folder of `count` small pictures, `corrupt` of them cut short in the middle. */
export async function pictureFolder(count: number, corrupt: readonly number[] = []): Promise<string> {
  const files: Record<string, Uint8Array> = {};
  for (let i = 0; i < count; i++) {
    const bytes = await encode(smoothImage(40 + (i % 5), 36 + (i % 3), i), "jpeg");
    files[`${String(i).padStart(3, "0")}.jpg`] = corrupt.includes(i) ? bytes.subarray(0, bytes.length / 2) : bytes;
  }
  return temporaryFolder(files);
}

const [shortType, longType] = [3, 4];
const stripOffset = 273;

/**
 * An uncompressed TIFF of any number of channels, packed pixel by pixel (Baseline TIFF 6.0, one strip); the first of them is
 * called grey, or with `rgb` the first three red, green and blue.
 */
export function encodeTiff(width: number, height: number, data: Uint8Array | Uint16Array, rgb = false): Buffer {
  const channels = data.length / (width * height);
  const pixels = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const unnamed = channels - (rgb ? 3 : 1);
  const fields: [tag: number, type: number, values: number[]][] = [
    [256, shortType, [width]],
    [257, shortType, [height]],
    [258, shortType, Array<number>(channels).fill(8 * data.BYTES_PER_ELEMENT)],
    [259, shortType, [1]],
    [262, shortType, [rgb ? 2 : 1]],
    [stripOffset, longType, [0]],
    [277, shortType, [channels]],
    [278, shortType, [height]],
    [279, longType, [pixels.length]],
  ];
  if (unnamed > 0) fields.push([338, shortType, Array<number>(unnamed).fill(0)]);
  const table = Buffer.alloc(2 + 12 * fields.length + 4);
  const start = 8 + table.length;
  const lists = fields.map(([, , values]) => (values.length > 2 ? Buffer.from(Uint16Array.from(values).buffer) : Buffer.alloc(0)));
  let listAt = start;
  const pixelsAt = start + lists.reduce((sum, list) => sum + list.length, 0);
  table.writeUInt16LE(fields.length);
  fields.forEach(([tag, type, values], i) => {
    const at = 2 + 12 * i;
    table.writeUInt16LE(tag, at);
    table.writeUInt16LE(type, at + 2);
    table.writeUInt32LE(values.length, at + 4);
    if (values.length > 2) table.writeUInt32LE(listAt, at + 8);
    else if (type === longType) table.writeUInt32LE(tag === stripOffset ? pixelsAt : values[0]!, at + 8);
    else values.forEach((value, k) => table.writeUInt16LE(value, at + 8 + 2 * k));
    listAt += lists[i]!.length;
  });
  return Buffer.concat([Buffer.from([0x49, 0x49, 42, 0, 8, 0, 0, 0]), table, ...lists, pixels]);
}

/** A PNG whose header declares another size than its content has: what a decompression bomb starts with. */
export function withPngSize(png: Uint8Array, width: number, height: number): Buffer {
  const bytes = Buffer.from(png);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}

/** The PNG with one more chunk behind its header. */
export function withPngChunk(png: Buffer, type: string, data: Uint8Array): Buffer {
  const header = 33;
  return Buffer.concat([png.subarray(0, header), pngChunk(type, data), png.subarray(header)]);
}

/** A chunk of a PNG: its length, type, data and checksum (PNG specification, section 5.3). */
export function pngChunk(type: string, data: Uint8Array): Buffer {
  const chunk = Buffer.alloc(12 + data.length);
  chunk.writeUInt32BE(data.length);
  chunk.write(type, 4, "latin1");
  chunk.set(data, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.length)), 8 + data.length);
  return chunk;
}

/** The checksum of a PNG chunk; that of node:zlib came with Node 20.15. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}
