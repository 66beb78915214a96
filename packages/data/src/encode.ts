// Pictures for readers: small, and whatever the original was.

import sharp from "sharp";
import { decodeImage } from "./decode.ts";
import { imageBytes, type ImageSource } from "./datasets/image-source.ts";
import type { RgbImage } from "./images.ts";

/** PNG, without loss. */
export async function encodePng({ width, height, data }: RgbImage): Promise<Uint8Array> {
  return sharp(data, { raw: { width, height, channels: 3 } }).png({ compressionLevel: 9 }).toBuffer();
}

/**
 * A JPEG that fits a square of `side` pixels; a smaller picture keeps its size.
 * @throws DecodeError
 */
export async function thumbnail(source: ImageSource, side: number, pixelLimit?: number): Promise<Uint8Array> {
  const { width, height, data } = await decodeImage(await imageBytes(source), pixelLimit === undefined ? {} : { pixelLimit });
  return sharp(data, { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: "inside", withoutEnlargement: true })
    .jpeg({ quality: 85 })
    .toBuffer();
}
