import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, DecodeError } from "./decode.ts";
import { encode, smoothImage, temporaryFolder, withPngSize } from "./testing.ts";

const pixel = async (image: Sharp, at = 0) => {
  const { data } = await decodeImage(await image.png().toBuffer());
  return [...data.subarray(3 * at, 3 * at + 3)];
};
const solid = (channels: 3 | 4, background: { r: number; g: number; b: number; alpha?: number }) =>
  sharp({ create: { width: 4, height: 3, channels, background } });

describe("decodeImage", () => {
  it("gives the very pixels of a lossless file", async () => {
    const image = smoothImage(13, 7);
    const decoded = await decodeImage(await encode(image));
    expect([decoded.width, decoded.height]).toEqual([13, 7]);
    expect([...decoded.data]).toEqual([...image.data]);
  });

  it("puts transparent pictures on white, or on the background asked for", async () => {
    const half = solid(4, { r: 255, g: 0, b: 0, alpha: 0.5 });
    const [r, g, b] = await pixel(half);
    expect(r).toBe(255);
    expect(g).toBeGreaterThan(120);
    expect(g).toBeLessThan(135);
    expect(b).toBe(g);
    const clear = await solid(4, { r: 9, g: 9, b: 9, alpha: 0 }).png().toBuffer();
    const green = await decodeImage(clear, { background: { r: 0, g: 200, b: 0 } });
    expect([...green.data.subarray(0, 3)]).toEqual([0, 200, 0]);
  });

  it("spreads grey over three channels, with and without transparency", async () => {
    const gray = solid(3, { r: 77, g: 77, b: 77 }).toColourspace("b-w");
    expect(await pixel(gray)).toEqual([77, 77, 77]);
    const bytes = Uint8Array.from([100, 255, 100, 0]);
    const grayAlpha = await decodeImage(await sharp(bytes, { raw: { width: 2, height: 1, channels: 2 } }).png().toBuffer());
    expect([...grayAlpha.data]).toEqual([100, 100, 100, 255, 255, 255]);
  });

  it("scales 16 bits down to 8", async () => {
    const values = Uint16Array.from({ length: 12 }, (_, i) => i * 5000);
    const file = await sharp(values, { raw: { width: 2, height: 2, channels: 3 } }).toColourspace("rgb16").png().toBuffer();
    const { data } = await decodeImage(file);
    data.forEach((value, i) => expect(Math.abs(value - (i * 5000) / 257)).toBeLessThanOrEqual(1));
  });

  it("reads CMYK and palette files as RGB", async () => {
    const cmyk = await solid(3, { r: 250, g: 250, b: 250 }).toColourspace("cmyk").jpeg().toBuffer();
    const { data } = await decodeImage(cmyk);
    expect(data.length).toBe(4 * 3 * 3);
    expect(data[0]).toBeGreaterThan(235);
    const palette = await solid(3, { r: 12, g: 200, b: 34 }).png({ palette: true }).toBuffer();
    expect([...(await decodeImage(palette)).data.subarray(0, 3)]).toEqual([12, 200, 34]);
  });

  it("turns a picture the way its EXIF orientation says", async () => {
    const file = await sharp(smoothImage(8, 4).data, { raw: { width: 8, height: 4, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .jpeg()
      .toBuffer();
    const { width, height } = await decodeImage(file);
    expect([width, height]).toEqual([4, 8]);
  });

  it("takes the first frame of an animation", async () => {
    const frames = new Uint8Array(4 * 8 * 3).fill(10, 0, 4 * 4 * 3).fill(240, 4 * 4 * 3);
    const file = await sharp(frames, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } }).gif().toBuffer();
    const { width, height, data } = await decodeImage(file);
    expect([width, height]).toEqual([4, 4]);
    expect(data[0]).toBeLessThan(40);
  });
});

describe("a file that cannot be used", () => {
  it("is named, with what is wrong with it", async () => {
    const whole = await encode(smoothImage(64, 64), "jpeg");
    const folder = await temporaryFolder({ "cut.jpg": whole.subarray(0, 900), "text.jpg": "not an image", "empty.jpg": "" });
    for (const name of ["cut.jpg", "text.jpg", "empty.jpg", "missing.jpg"]) {
      const error: unknown = await decodeImage(join(folder, name)).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DecodeError);
      expect((error as DecodeError).file).toBe(join(folder, name));
      expect((error as DecodeError).message).toContain(join(folder, name));
      expect((error as DecodeError).message).not.toContain("\n");
    }
  });

  it("because of its size is refused from its header, with the size and the limit", async () => {
    const small = await encode(smoothImage(40, 30));
    await expect(decodeImage(small, { pixelLimit: 1000 })).rejects.toThrow("40 x 30 pixels are more than the limit of 1000");
    // A header that declares 60000 x 60000 pixels over a few bytes of content.
    await expect(decodeImage(withPngSize(await solid(3, { r: 0, g: 0, b: 0 }).png().toBuffer(), 60_000, 60_000))).rejects.toThrow(/60000 x 60000 pixels are more than the limit of \d+/);
  });
});
