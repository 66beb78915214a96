// The operations against plain definitions in double precision. That they equal Pillow's and torchvision's is checked
// in tests/parity (groups aug_ops, aug_pipeline).

import { describe, expect, it } from "vitest";
import type { RgbImage } from "../images.ts";
import { noiseImage, smoothImage } from "../testing.ts";
import { resampleTable } from "./bicubic.ts";
import { gaussianKernel } from "./gaussian.ts";
import { PlaneCanvas, type ResizeTarget } from "./plane-canvas.ts";
import type { Rectangle } from "./random-resized-crop.ts";

const whole = ({ width, height }: RgbImage): Rectangle => ({ top: 0, left: 0, width, height });

function resized(image: RgbImage, rectangle: Rectangle, target: ResizeTarget): RgbImage {
  const canvas = new PlaneCanvas();
  canvas.load(image);
  canvas.resize(rectangle, target);
  return canvas.read();
}

function changed(image: RgbImage, change: (canvas: PlaneCanvas) => void): RgbImage {
  const canvas = new PlaneCanvas();
  canvas.load(image);
  canvas.resize(whole(image), image);
  change(canvas);
  return canvas.read();
}

function largestDifference(a: RgbImage, b: RgbImage): number {
  expect([a.width, a.height]).toEqual([b.width, b.height]);
  return a.data.reduce((worst, value, i) => Math.max(worst, Math.abs(value - b.data[i]!)), 0);
}

function mapPixels(image: RgbImage, change: (r: number, g: number, b: number) => number[]): RgbImage {
  const data = new Uint8Array(image.data.length);
  for (let i = 0; i < data.length; i += 3) data.set(change(image.data[i]!, image.data[i + 1]!, image.data[i + 2]!), i);
  return { ...image, data };
}

const clip = (value: number) => Math.max(0, Math.min(255, Math.trunc(value)));
const luminance = (r: number, g: number, b: number) => (19595 * r + 38470 * g + 7471 * b + 32768) >> 16;

describe("resizing", () => {
  it("to the same size changes nothing", () => {
    const image = noiseImage(31, 17);
    expect(resized(image, whole(image), image).data).toEqual(image.data);
  });

  it("keeps a flat colour flat, enlarging and shrinking", () => {
    const flat = { width: 37, height: 23, data: new Uint8Array(37 * 23 * 3).map((_, i) => [3, 120, 251][i % 3]!) };
    for (const target of [{ width: 5, height: 80 }, { width: 300, height: 2 }, { width: 1, height: 1 }]) {
      const { data } = resized(flat, whole(flat), target);
      data.forEach((value, i) => expect(value).toBe([3, 120, 251][i % 3]));
    }
  });

  it("reads the rectangle alone: what lies outside it does not matter", () => {
    const rectangle = { top: 9, left: 6, width: 20, height: 14 };
    const image = noiseImage(40, 30);
    const other = { ...image, data: image.data.slice() };
    for (let y = 0; y < 30; y++) {
      for (let x = 0; x < 40; x++) {
        if (y >= 9 && y < 23 && x >= 6 && x < 26) continue;
        other.data.fill(255, (y * 40 + x) * 3, (y * 40 + x) * 3 + 3);
      }
    }
    const target = { width: 28, height: 28 };
    expect(resized(other, rectangle, target).data).toEqual(resized(image, rectangle, target).data);
  });

  it("flips without changing any value", () => {
    const image = noiseImage(45, 33);
    const plain = resized(image, whole(image), { width: 29, height: 20 });
    const flipped = resized(image, whole(image), { width: 29, height: 20, flip: true });
    for (let y = 0; y < 20; y++) {
      for (let x = 0; x < 29; x++) {
        for (let c = 0; c < 3; c++) expect(flipped.data[(y * 29 + x) * 3 + c]).toBe(plain.data[(y * 29 + 28 - x) * 3 + c]);
      }
    }
  });

  it("makes a window of the result as if it had made all of it", () => {
    const image = smoothImage(90, 70);
    const all = resized(image, whole(image), { width: 50, height: 41 });
    const window = { top: 7, left: 11, width: 21, height: 30 };
    const part = resized(image, whole(image), { width: 50, height: 41, window });
    for (let y = 0; y < 30; y++) {
      const row = all.data.subarray(((y + 7) * 50 + 11) * 3, ((y + 7) * 50 + 32) * 3);
      expect(part.data.subarray(y * 21 * 3, (y + 1) * 21 * 3)).toEqual(row);
    }
  });

  it("of a picture too large to be held at once equals the same rectangle by itself", () => {
    const large = { width: 3000, height: 2000, data: new Uint8Array(3000 * 2000 * 3).map((_, i) => (i * 7919) >> 5) };
    const rectangle = { top: 100, left: 500, width: 400, height: 1800 };
    const own = new Uint8Array(400 * 1800 * 3);
    for (let y = 0; y < 1800; y++) {
      own.set(large.data.subarray(((y + 100) * 3000 + 500) * 3, ((y + 100) * 3000 + 900) * 3), y * 1200);
    }
    const target = { width: 98, height: 98 };
    const small = { width: 400, height: 1800, data: own };
    expect(resized(large, rectangle, target).data).toEqual(resized(small, whole(small), target).data);
  });
});

describe("the resampling table", () => {
  it("has weights of sum one and reads inside the picture only", () => {
    for (const [from, to] of [[7, 300], [300, 7], [224, 98], [5, 5], [1, 9]] as const) {
      const { bounds, weights, stride, length } = resampleTable(from, to);
      for (let i = 0; i < length; i++) {
        const [first, count] = [bounds[2 * i]!, bounds[2 * i + 1]!];
        expect(first).toBeGreaterThanOrEqual(0);
        expect(first + count).toBeLessThanOrEqual(from);
        const sum = weights.subarray(i * stride, i * stride + count).reduce((a, b) => a + b, 0);
        expect(Math.abs(sum - (1 << 22))).toBeLessThanOrEqual(count);
      }
    }
  });
});

describe("tones", () => {
  const image = noiseImage(37, 29, 5);
  const grays = mapPixels(image, (...rgb) => [luminance(...rgb), 0, 0]).data;
  const mean = Math.trunc(grays.reduce((a, b) => a + b, 0) / (37 * 29) + 0.5);
  type Definition = [name: string, change: (canvas: PlaneCanvas) => void, pixel: (rgb: number[], gray: number) => number[]];
  const definitions: Definition[] = [
    ["brightness scales", (canvas) => canvas.brightness(1.37), (rgb) => rgb.map((v) => clip(v * 1.37))],
    [
      "contrast moves away from the mean luminance",
      (canvas) => canvas.contrast(0.71),
      (rgb) => rgb.map((v) => clip(mean + 0.71 * (v - mean))),
    ],
    [
      "saturation moves away from the pixel's luminance",
      (canvas) => canvas.saturation(1.19),
      (rgb, gray) => rgb.map((v) => clip(gray + 1.19 * (v - gray))),
    ],
    ["grey is the luminance", (canvas) => canvas.grayscale(), (_rgb, gray) => [gray, gray, gray]],
    [
      "solarising inverts from the threshold on",
      (canvas) => canvas.solarize(128),
      (rgb) => rgb.map((v) => (v >= 128 ? 255 - v : v)),
    ],
    ["solarising from 256 on inverts nothing", (canvas) => canvas.solarize(256), (rgb) => rgb],
  ];

  it.each(definitions)("%s", (_name, change, pixel) => {
    const expected = mapPixels(image, (...rgb) => pixel(rgb, luminance(...rgb)));
    expect(largestDifference(changed(image, change), expected)).toBeLessThanOrEqual(1);
  });

  it("contrast counts every pixel in the mean, to the last one of a size that is no multiple of sixteen", () => {
    const spot = { width: 5, height: 7, data: new Uint8Array(5 * 7 * 3).fill(0) };
    spot.data.fill(255, -3); // the last pixel is white: the mean luminance is 255 / 35, rounded
    expect(new Set(changed(spot, (canvas) => canvas.contrast(0)).data)).toEqual(new Set([7]));
  });

  it("factor 1 changes nothing", () => {
    for (const name of ["brightness", "contrast", "saturation"] as const) {
      expect(changed(image, (canvas) => canvas[name](1)).data).toEqual(image.data);
    }
  });
});

describe("hue", () => {
  it("turned by a third makes red green, and keeps value and greys", () => {
    const colours = { width: 3, height: 1, data: Uint8Array.from([255, 0, 0, 90, 90, 90, 0, 0, 200]) };
    const { data } = changed(colours, (canvas) => canvas.hue(1 / 3));
    expect([...data.subarray(3, 6)]).toEqual([90, 90, 90]);
    expect(data[1]).toBe(255);
    expect(data[0]).toBeLessThan(5);
    expect(Math.max(...data.subarray(6, 9))).toBe(200);
  });

  it("turned less than a 255th changes a pixel by the rounding to 8-bit hue and saturation alone", () => {
    const image = smoothImage(40, 40);
    expect(largestDifference(changed(image, (canvas) => canvas.hue(0.003)), image)).toBeLessThanOrEqual(8);
  });
});

describe("blur", () => {
  it("is the nine-tap Gaussian with mirrored edges", () => {
    for (const [width, height, sigma] of [[37, 29, 1.3], [5, 64, 2], [16, 7, 0.4]] as const) {
      const image = noiseImage(width, height, 2);
      const kernel = gaussianKernel(sigma);
      const mirror = (i: number, n: number) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);
      const expected = new Uint8Array(image.data.length).map((_, i) => {
        const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
        let sum = 0;
        for (let dy = -4; dy <= 4; dy++) {
          for (let dx = -4; dx <= 4; dx++) {
            const at = mirror(y + dy, height) * width + mirror(x + dx, width);
            sum += kernel[dy + 4]! * kernel[dx + 4]! * image.data[3 * at + c]!;
          }
        }
        return Math.round(sum);
      });
      const got = changed(image, (canvas) => canvas.blur(sigma));
      expect(largestDifference(got, { ...image, data: expected })).toBeLessThanOrEqual(1);
    }
  });

  it("works on pictures narrower than its reach", () => {
    const image = { width: 2, height: 1, data: Uint8Array.from([100, 100, 100, 100, 100, 100]) };
    expect([...changed(image, (canvas) => canvas.blur(2)).data]).toEqual([100, 100, 100, 100, 100, 100]);
  });
});

it("normalises to planes", () => {
  const image = noiseImage(19, 11);
  const output = new Float32Array(19 * 11 * 3);
  changed(image, (canvas) => canvas.normalize({ mean: [0.5, 0.4, 0.3], standardDeviation: [0.2, 0.25, 0.5] }, output));
  for (let i = 0; i < 19 * 11; i++) {
    expect(output[i]).toBeCloseTo((image.data[3 * i]! / 255 - 0.5) / 0.2, 5);
    expect(output[19 * 11 + i]).toBeCloseTo((image.data[3 * i + 1]! / 255 - 0.4) / 0.25, 5);
    expect(output[2 * 19 * 11 + i]).toBeCloseTo((image.data[3 * i + 2]! / 255 - 0.3) / 0.5, 5);
  }
});

it("refuses a picture whose size does not fit its bytes", () => {
  expect(() => new PlaneCanvas().load({ width: 4, height: 4, data: new Uint8Array(47) })).toThrow("4 x 4 pixels has 47 bytes");
});
