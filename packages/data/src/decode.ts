// From an image file to 8-bit RGB. What files may hold beyond that is settled here, on purpose: EXIF orientation is
// applied, transparency is put on a background, grey, CMYK, palette and 16-bit pictures become 8-bit sRGB, of an
// animation the first frame counts.

import { stat } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import sharp, { type Sharp } from "sharp";
import type { RgbImage } from "./images.ts";

export interface DecodeOptions {
  /** Pictures with more pixels are refused before they are decoded. */
  readonly pixelLimit?: number;
  /** What shows through transparent places. */
  readonly background?: { readonly r: number; readonly g: number; readonly b: number };
}

export const defaultPixelLimit = 1 << 26;
const white = { r: 255, g: 255, b: 255 };

/** An image that cannot be used: it is missing, damaged, of an unknown format or too large. Names its file. */
export class DecodeError extends InputError {
  constructor(
    readonly file: string,
    readonly reason: string,
  ) {
    super(`Image ${file}: ${reason}`);
  }
}

// The pictures come from files that are read once; a cache of operations would only hold memory.
sharp.cache(false);

// What a file is, its bytes say, whatever its name. Of what libvips could read only pictures made of pixels are let in: a
// document (SVG, PDF) may refer to other files and is as large as somebody decides to draw it.
// By name, and never all at once to let some in again: this holds for the process, and runs again in each of its threads,
// while others decode.
const otherFormats =
  "Analyze Csv DcRaw Fits Jp2k Jxl Magick Magick6 Magick7 Mat Matrix Nifti Openexr Openslide Pdf Ppm Rad Raw Svg Uhdr Vips";
sharp.block({ operation: otherFormats.split(" ").map((format) => `VipsForeignLoad${format}`) });

/** Versions of what decodes the images. */
export function decoderVersions(): { sharp: string; libvips: string } {
  return { sharp: sharp.versions.sharp ?? "?", libvips: sharp.versions.vips };
}

/** One libvips thread per picture: many pictures are decoded at once, so more would only get in each other's way. */
export function useOneDecoderThread(): void {
  sharp.concurrency(1);
}

/** Decodes a file, or its content. Throws `DecodeError`. */
export async function decodeImage(input: string | Uint8Array, options: DecodeOptions = {}): Promise<RgbImage> {
  const { pixelLimit = defaultPixelLimit, background = white } = options;
  try {
    const { data, info } = await sharp(input, { limitInputPixels: pixelLimit, failOn: "error", autoOrient: true })
      .flatten({ background })
      .toColourspace("srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    const { width, height, channels } = info;
    return { width, height, data: channels === 3 ? data : threeChannels(data, channels) };
  } catch (error) {
    throw await decodeError(input, pixelLimit, error);
  }
}

/** Copies the first channel of grey pictures to all three, and drops what follows the third. */
function threeChannels(data: Uint8Array, channels: number): Uint8Array {
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let i = 0; i < pixels; i++) {
    for (let c = 0; c < 3; c++) rgb[3 * i + c] = data[i * channels + (channels < 3 ? 0 : c)]!;
  }
  return rgb;
}

/** What a decoder's error means for the image. */
export async function decodeError(input: string | Uint8Array, pixelLimit: number, error: unknown): Promise<DecodeError> {
  return new DecodeError(nameOf(input), await explain(input, pixelLimit, error));
}

export const nameOf = (input: string | Uint8Array) => (typeof input === "string" ? input : "in memory");

async function explain(input: string | Uint8Array, pixelLimit: number, error: unknown): Promise<string> {
  const message = error instanceof Error ? error.message.split("\n")[0]! : String(error);
  if (await isEmpty(input)) return "is empty (0 bytes).";
  if (/unsupported image format/i.test(message)) return "is not a readable JPEG, PNG, WebP, GIF, TIFF or AVIF file, whatever its name.";
  if (!/pixel limit/i.test(message)) return `cannot be decoded (${message}).`;
  const { width, height } = await headerOf(sharp(input, { limitInputPixels: false }));
  return `${width} x ${height} pixels are more than the limit of ${pixelLimit}; resize it or raise the pixel limit.`;
}

async function isEmpty(input: string | Uint8Array): Promise<boolean> {
  return typeof input === "string" ? (await stat(input).catch(() => undefined))?.size === 0 : input.length === 0;
}

async function headerOf(image: Sharp): Promise<{ width: number | string; height: number | string }> {
  return image.metadata().catch(() => ({ width: "?", height: "?" }));
}
