// What files in the wild are, one by one, and which pixels each of them must give.

import { deflateSync } from "node:zlib";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, DecodeError } from "./decode.ts";
import { encode, encodeTiff, noiseImage, temporaryFolder, withPngChunk, withPngSize } from "./testing.ts";

const image = noiseImage(7, 5);
const source = () => sharp(image.data, { raw: { width: 7, height: 5, channels: 3 } });
const pixels = async (file: Uint8Array | string) => [...(await decodeImage(file)).data];
const spread = (levels: readonly number[]) => levels.flatMap((level) => [level, level, level]);
const solid = (r: number, g: number, b: number) => sharp({ create: { width: 16, height: 16, channels: 3, background: { r, g, b } } });

async function reason(file: Uint8Array | string): Promise<string> {
  const error: unknown = await decodeImage(file).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(DecodeError);
  return (error as DecodeError).reason;
}

describe("lossless files give their very pixels", () => {
  const encoders: Readonly<Record<string, (from: Sharp) => Sharp>> = {
    "PNG": (from) => from.png(),
    "interlaced PNG": (from) => from.png({ progressive: true }),
    "WebP": (from) => from.webp({ lossless: true }),
    "TIFF": (from) => from.tiff({ compression: "lzw" }),
    "tiled TIFF": (from) => from.tiff({ compression: "deflate", tile: true, tileWidth: 16, tileHeight: 16 }),
  };
  it.each(Object.entries(encoders))("%s", async (_, encoder) => {
    expect(await pixels(await encoder(source()).toBuffer())).toEqual([...image.data]);
  });

  it("under any name: the content says what a file is", async () => {
    const folder = await temporaryFolder({ "really-a-png.jpg": await encode(image) });
    expect(await pixels(join(folder, "really-a-png.jpg"))).toEqual([...image.data]);
  });

  it("with a palette, transparent entries on white", async () => {
    const bars = Uint8Array.from([255, 0, 0, 255, 0, 0, 255, 255, 9, 9, 9, 0]);
    const file = await sharp(bars, { raw: { width: 3, height: 1, channels: 4 } }).png({ palette: true }).toBuffer();
    expect(file[25]).toBe(3); // the colour type: indices into a palette
    expect(await pixels(file)).toEqual([255, 0, 0, 0, 0, 255, 255, 255, 255]);
  });

  it("of one bit", async () => {
    const file = encodeOneBitTiff();
    expect(await pixels(file)).toEqual(spread([255, 0, 255, 0, 0, 0, 0, 255]));
  });
});

describe("16 bits become 8", () => {
  const levels = [0, 1, 128, 254, 255];
  const wide = (values: readonly number[]) => Uint16Array.from(values, (level) => level * 257);

  it("of grey, in PNG and TIFF", async () => {
    const raw = { raw: { width: 5, height: 1, channels: 1 } } as const;
    expect(await pixels(await sharp(wide(levels), raw).toColourspace("grey16").png().toBuffer())).toEqual(spread(levels));
    expect(await pixels(encodeTiff(5, 1, wide(levels)))).toEqual(spread(levels));
  });

  it("of colours, with and without transparency", async () => {
    expect(await pixels(encodeTiff(7, 5, wide([...image.data]), true))).toEqual([...image.data]);
    const withAlpha = [10, 20, 30, 255, 10, 20, 30, 0];
    const raw = { raw: { width: 2, height: 1, channels: 4 } } as const;
    const file = await sharp(wide(withAlpha), raw).toColourspace("rgb16").png().toBuffer();
    expect((await sharp(file).metadata()).depth).toBe("ushort");
    expect(await pixels(file)).toEqual([10, 20, 30, 255, 255, 255]);
  });
});

describe("CMYK becomes RGB", () => {
  const colours = { white: [255, 255, 255], black: [0, 0, 0], red: [200, 30, 40], blue: [40, 50, 160] } as const;

  it.each(Object.entries(colours))("%s, with its profile and without one", async (_, [r, g, b]) => {
    const plain = await solid(r, g, b).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    const profiled = await solid(r, g, b).withIccProfile("cmyk").jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(profiled).metadata()).hasProfile).toBe(true);
    for (const file of [plain, profiled]) {
      expect((await sharp(file).metadata()).space).toBe("cmyk");
      const decoded = (await pixels(file)).slice(0, 3);
      // Inks cannot show every colour; taken for inverted inks, each would be more than 90 levels off.
      decoded.forEach((level, c) => expect(Math.abs(level - [r, g, b][c]!)).toBeLessThan(45));
    }
  });

  it("the same with Adobe's marker and without: inks are stored inverted either way, as Pillow takes them", async () => {
    const marked = await solid(200, 30, 40).toColourspace("cmyk").jpeg({ quality: 100 }).toBuffer();
    const marker = marked.indexOf("Adobe") - 4;
    expect(marker).toBeGreaterThan(0);
    const bare = Buffer.concat([marked.subarray(0, marker), marked.subarray(marker + 2 + marked.readUInt16BE(marker + 2))]);
    expect(await pixels(bare)).toEqual(await pixels(marked));
  });
});

describe("EXIF orientations", () => {
  const [width, height] = [7, 5];
  // Where the pixel shown at (x, y) is stored; TIFF 6.0, tag 274.
  const stored: readonly ((x: number, y: number) => [number, number])[] = [
    (x, y) => [x, y],
    (x, y) => [width - 1 - x, y],
    (x, y) => [width - 1 - x, height - 1 - y],
    (x, y) => [x, height - 1 - y],
    (x, y) => [y, x],
    (x, y) => [y, height - 1 - x],
    (x, y) => [width - 1 - y, height - 1 - x],
    (x, y) => [width - 1 - y, x],
  ];
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("%i shows every pixel where it belongs", async (orientation) => {
    const decoded = await decodeImage(await source().withMetadata({ orientation }).png().toBuffer());
    const turned = orientation >= 5;
    expect([decoded.width, decoded.height]).toEqual(turned ? [height, width] : [width, height]);
    for (let y = 0; y < decoded.height; y++) {
      for (let x = 0; x < decoded.width; x++) {
        const [fromX, fromY] = stored[orientation - 1]!(x, y);
        const at = 3 * (y * decoded.width + x);
        const from = 3 * (fromY * width + fromX);
        expect([...decoded.data.subarray(at, at + 3)]).toEqual([...image.data.subarray(from, from + 3)]);
      }
    }
  });
});

describe("of several pictures the first counts", () => {
  const frames = new Uint8Array(4 * 8 * 3).fill(10, 0, 48).fill(240, 48);
  const animation = () => sharp(frames, { raw: { width: 4, height: 8, channels: 3, pageHeight: 4 } });

  it.each([
    ["GIF", () => animation().gif().toBuffer()],
    ["WebP", () => animation().webp({ lossless: true }).toBuffer()],
    ["TIFF", () => animation().tiff({ compression: "none" }).toBuffer()],
  ])("%s", async (_, file) => {
    const bytes = await file();
    expect((await sharp(bytes).metadata()).pages).toBe(2);
    const { width, height, data } = await decodeImage(bytes);
    expect([width, height, ...new Set(data)]).toEqual([4, 4, 10]);
  });
});

describe("files that are refused", () => {
  it.each(["jpeg", "png", "webp", "gif", "tiff"] as const)("a %s cut short", async (format) => {
    const { data } = noiseImage(64, 64);
    const whole = await sharp(data, { raw: { width: 64, height: 64, channels: 3 } }).toFormat(format).toBuffer();
    for (const share of [0.2, 0.5, 0.8]) {
      expect(await reason(whole.subarray(0, whole.length * share))).toMatch(/cannot be decoded|not a readable/);
    }
  });

  it("empty ones and those that are no pictures, whatever they are called", async () => {
    const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><image href="file:///etc/passwd"/></svg>';
    const folder = await temporaryFolder({ "empty.jpg": "", "error.jpg": "<!DOCTYPE html><html>404</html>", "drawing.png": svg });
    expect(await reason(join(folder, "empty.jpg"))).toBe("is empty (0 bytes).");
    expect(await reason(new Uint8Array(0))).toBe("is empty (0 bytes).");
    for (const file of [join(folder, "error.jpg"), join(folder, "drawing.png"), Buffer.from(svg), Buffer.from("%PDF-1.4\n")]) {
      expect(await reason(file)).toBe("is not a readable JPEG, PNG, WebP, GIF, TIFF or AVIF file, whatever its name.");
    }
  });

  it("bombs: huge by their headers, before memory is taken for their pixels", async () => {
    const png = await encode(noiseImage(8, 8));
    const gif = await solid(1, 2, 3).gif().toBuffer();
    const descriptor = gif.indexOf(Buffer.from([0x2c, 0, 0, 0, 0, 16, 0, 16, 0]));
    for (const at of [6, descriptor + 5]) gif.writeUInt32LE(65_000 * 65_537, at);
    const jpeg = await solid(1, 2, 3).jpeg().toBuffer();
    const frame = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
    jpeg.writeUInt16BE(65_000, frame + 5);
    jpeg.writeUInt16BE(65_000, frame + 7);
    const before = process.memoryUsage.rss();
    for (const bomb of [withPngSize(png, 60_000, 60_000), gif, jpeg]) {
      expect(await reason(bomb)).toMatch(/6\d000 x 6\d000 pixels are more than the limit/);
    }
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 << 20);
  });

  it("but not a picture with text or a profile that would unpack to 300 MB: nothing is unpacked", async () => {
    const png = await encode(image);
    const packed = Buffer.concat([Buffer.from("x\0\0"), deflateSync(Buffer.alloc(300 << 20))]);
    const before = process.memoryUsage.rss();
    for (const type of ["zTXt", "iCCP"]) expect(await pixels(withPngChunk(png, type, packed))).toEqual([...image.data]);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 << 20);
  });
});

/** 8 x 1 pixels, one bit each. */
function encodeOneBitTiff(): Buffer {
  const bytes = encodeTiff(8, 1, new Uint8Array(8));
  const bitsPerSample = bytes.indexOf(Buffer.from([2, 1, 3, 0, 1, 0, 0, 0]));
  bytes.writeUInt16LE(1, bitsPerSample + 8);
  bytes[bytes.length - 8] = 0b10100001;
  return bytes;
}
