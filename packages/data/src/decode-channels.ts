// From an image file to any number of channels: grey, colours, or the bands of a multispectral TIFF as they are.

import sharp, { type Metadata } from "sharp";
import { mostChannels } from "./augment/normalization.ts";
import { decodeError, decodeImage, DecodeError, defaultPixelLimit, nameOf, type DecodeOptions } from "./decode.ts";
import { luminanceOf, type ChannelStack } from "./images.ts";

export interface ChannelOptions extends DecodeOptions {
  /** 3 (the default) makes colours of whatever a file holds, 1 makes grey; of other numbers a file must have as many. */
  readonly channels?: number;
  /**
   * The value of a 16-bit file that becomes 255; larger ones do too. Default 65535. Sensors rarely use all of it: 10000 is
   * reflectance 1 of Sentinel-2, 4095 the most of 12 bits.
   */
  readonly fullScale?: number;
}

const most16 = 65_535;

/** Decodes a file, or its content. Throws `DecodeError`. */
export async function decodeChannels(input: string | Uint8Array, options: ChannelOptions = {}): Promise<ChannelStack> {
  const { channels = 3, fullScale = most16, pixelLimit = defaultPixelLimit } = options;
  const fromAnything = channels === 1 || channels === 3;
  if (fromAnything && fullScale === most16) return asAsked(await decodeImage(input, options), channels);
  try {
    const header = await sharp(input, { limitInputPixels: pixelLimit, limitInputChannels: mostChannels }).metadata();
    const hasOwnScale = header.depth === "ushort" && header.channels === channels;
    if (fromAnything && !hasOwnScale) return asAsked(await decodeImage(input, options), channels);
    if (header.channels !== channels) throw new DecodeError(nameOf(input), `has ${header.channels} channels; expected ${channels}.`);
    return stack(await readBands(input, header, pixelLimit), fullScale);
  } catch (error) {
    throw error instanceof DecodeError ? error : await decodeError(input, pixelLimit, error);
  }
}

function asAsked(image: ChannelStack[number], channels: number): ChannelStack {
  return [channels === 1 ? luminanceOf(image) : image];
}

interface Bands {
  readonly width: number;
  readonly height: number;
  readonly count: number;
  readonly data: Uint8Array | Uint16Array;
}

/** All bands of the file in its own bit depth, turned as its orientation says. */
async function readBands(input: string | Uint8Array, { space, depth }: Metadata, pixelLimit: number): Promise<Bands> {
  if (depth !== "uchar" && depth !== "ushort") throw new Error(`its samples are of type ${depth}; expected 8 or 16 bits`);
  // Of 8-bit "grey" with more bands sharp would keep the first alone: in 16 bits it keeps all, each times 257.
  const kept = space === "b-w" ? "grey16" : space;
  const wide = depth === "ushort" || kept === "grey16";
  const limits = { limitInputPixels: pixelLimit, limitInputChannels: mostChannels } as const;
  const { data, info } = await sharp(input, { ...limits, failOn: "error", autoOrient: true })
    .pipelineColourspace(kept)
    .toColourspace(kept)
    .raw({ depth: wide ? "ushort" : "uchar" })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels: count } = info;
  if (!wide) return { width, height, count, data };
  const values = new Uint16Array(data.buffer, data.byteOffset, data.byteLength / 2);
  return { width, height, count, data: depth === "uchar" ? Uint8Array.from(values, (value) => value / 257) : values };
}

/** Three channels at a time; the last three are filled up with copies of the last channel. */
function stack({ width, height, count, data }: Bands, fullScale: number): ChannelStack {
  const scale = data instanceof Uint16Array ? 255 / fullScale : 1;
  const pixels = width * height;
  return Array.from({ length: Math.ceil(count / 3) }, (_, third) => {
    const colours = new Uint8ClampedArray(pixels * 3);
    for (let c = 0; c < 3; c++) {
      const band = Math.min(3 * third + c, count - 1);
      for (let i = 0; i < pixels; i++) colours[3 * i + c] = data[i * count + band]! * scale;
    }
    return { width, height, data: new Uint8Array(colours.buffer) };
  });
}
