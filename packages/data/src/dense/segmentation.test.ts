import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import type { RgbImage } from "../images.ts";
import type { LabelMap, SegmentationDataset } from "./dense-dataset.ts";
import { distort } from "./photometric-distortion.ts";
import { resizeImage, resizeLabels, scaledSize } from "./resize-pair.ts";
import { segmentationBatches } from "./segmentation-batches.ts";
import { drawSegmentationCrop, publishedMultiScaleCrop, publishedSegmentationCrop, renderSegmentationCrop } from "./segmentation-crop.ts";
import { readSegmentationPair } from "./segmentation-pair.ts";

const picture = (width: number, height: number, value: (x: number, y: number) => number): RgbImage => ({
  width,
  height,
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => value(Math.floor(i / 3) % width, Math.floor(i / 3 / width))),
});
const labelMap = (width: number, height: number, label: (x: number, y: number) => number): LabelMap => ({
  width,
  height,
  labels: Uint8Array.from({ length: width * height }, (_, i) => label(i % width, Math.floor(i / width))),
});
const oneOf = (image: RgbImage, map: LabelMap): SegmentationDataset => ({
  length: 1,
  classNames: ["sky", "sea"],
  name: () => "images/1.jpg",
  readImage: () => Promise.resolve(image),
  readMap: () => Promise.resolve(map),
});

describe("a resized pair", () => {
  it("keeps its aspect within the limits of both sides", () => {
    expect(scaledSize({ width: 683, height: 512 }, [2048, 512])).toEqual({ width: 683, height: 512 });
    expect(scaledSize({ width: 1000, height: 500 }, [2048, 512], 0.5)).toEqual({ width: 512, height: 256 });
    expect(scaledSize({ width: 5000, height: 500 }, [2048, 512])).toEqual({ width: 2048, height: 205 });
    expect(scaledSize({ width: 300, height: 400 }, [Infinity, 640], 1.5)).toEqual({ width: 960, height: 1280 });
  });

  it("has values between those of the nearest pixels, and whole labels", () => {
    const image = resizeImage(picture(2, 1, (x) => 100 * x), { width: 4, height: 1 });
    expect(Array.from(image.data).filter((_, i) => i % 3 === 0)).toEqual([0, 25, 75, 100]);
    expect(Array.from(resizeLabels(labelMap(2, 1, (x) => x), { width: 5, height: 1 }).labels)).toEqual([0, 0, 0, 1, 1]);
  });

  it("is the same made whole and made as a window", () => {
    const image = picture(9, 7, (x, y) => 20 * x + 7 * y);
    const whole = resizeImage(image, { width: 13, height: 11 });
    const window = resizeImage(image, { width: 13, height: 11 }, { top: 4, left: 3, width: 5, height: 2 });
    const expected = Array.from({ length: 30 }, (_, i) => whole.data[3 * ((4 + Math.floor(i / 15)) * 13 + 3) + (i % 15)]);
    expect(Array.from(window.data)).toEqual(expected);
  });
});

describe("distorted colours", () => {
  const still = { brightness: 0, contrast: 1, contrastFirst: true, saturation: 1, hueDegrees: 0 };
  const changed = (rgb: number[], plan: Partial<typeof still>) => {
    const image = { width: 1, height: 1, data: Uint8Array.from(rgb) };
    distort(image, { ...still, ...plan });
    return Array.from(image.data);
  };

  it("stay without a plan, and are limited to what a byte holds", () => {
    expect(changed([7, 130, 250], {})).toEqual([7, 130, 250]);
    expect(changed([7, 130, 250], { brightness: 10.7 })).toEqual([17, 140, 255]);
    expect(changed([7, 130, 250], { contrast: 0.5 })).toEqual([3, 65, 125]);
  });

  it("turn about the colour circle: a third of it takes red to green", () => {
    expect(changed([200, 20, 20], { hueDegrees: 120 })).toEqual([20, 200, 20]);
    expect(changed([200, 20, 20], { hueDegrees: 60 })).toEqual([200, 200, 20]);
    expect(changed([200, 110, 20], { hueDegrees: -30 })).toEqual([200, 20, 20]);
  });

  it("with less saturation come nearer to their largest channel; greys have none", () => {
    expect(changed([200, 100, 0], { saturation: 0.5 })).toEqual([200, 150, 100]);
    expect(changed([200, 100, 100], { saturation: 1.5 })).toEqual([200, 50, 50]);
    expect(changed([90, 90, 90], { saturation: 1.5, hueDegrees: 30 })).toEqual([90, 90, 90]);
  });
});

describe("a crop", () => {
  const random = RandomStream.fromSeed(0);

  it("has the published size, whatever the picture has", () => {
    const map = labelMap(40, 30, (x) => (x < 20 ? 0 : 1));
    for (let i = 0; i < 20; i++) {
      const { resized, window } = drawSegmentationCrop(map, publishedMultiScaleCrop, random);
      expect(resized.height).toBeGreaterThanOrEqual(640);
      expect(resized.height).toBeLessThanOrEqual(1920);
      expect([window.width, window.height]).toEqual([640, 640]);
      expect(drawSegmentationCrop(map, publishedSegmentationCrop, random).resized.height).toBeLessThanOrEqual(1024);
    }
  });

  it("shows two classes, where one of ten does", () => {
    // The second class is the right quarter.
    const map = labelMap(80, 20, (x) => (x < 60 ? 0 : 1));
    const options = { ...publishedSegmentationCrop, size: 20, scale: [80, 20] as const, ratios: [1, 1] as const };
    let mixed = 0;
    for (let i = 0; i < 100; i++) {
      const { window } = drawSegmentationCrop(map, options, random);
      const share = Math.min(1, Math.max(0, (60 - window.left) / 20));
      if (share > 0.25 && share < 0.75) mixed++;
    }
    expect(mixed).toBeGreaterThan(60); // 9 draws of 61 are such ones: 83 of 100 crops after ten tries, 15 of 100 after one
  });

  it("mirrors image and labels together, and fills up what a small picture lacks", () => {
    const pair = { image: picture(2, 1, (x) => 255 * x), map: labelMap(2, 1, (x) => x) };
    const plan = { resized: pair.image, window: { top: 0, left: 0, width: 2, height: 1 }, flip: true, distortion: null };
    const [values, labels] = [new Float32Array(27), new Uint8Array(9)];
    renderSegmentationCrop(pair, plan, 3, values, labels, { mean: [0, 0, 0], standardDeviation: [1, 1, 1] });
    expect(Array.from(labels)).toEqual([1, 0, 255, 255, 255, 255, 255, 255, 255]);
    expect(Array.from(values.subarray(9, 18))).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("pairs that cannot be used", () => {
  const image = picture(3, 2, () => 9);
  it("are named: a mask of another size, a class that there is not", async () => {
    await expect(readSegmentationPair(oneOf(image, labelMap(2, 3, () => 0)), 0)).rejects.toThrow(
      "images/1.jpg: the mask is 2 × 3 pixels and its image 3 × 2; expected equal sizes",
    );
    const outOfRange = labelMap(3, 2, (x, y) => (x === 1 && y === 1 ? 2 : 255));
    await expect(readSegmentationPair(oneOf(image, outOfRange), 0)).rejects.toThrow(
      "images/1.jpg: the class at column 1, row 1 is 2; expected 0 to 1, or 255",
    );
  });

  it("are none at all", async () => {
    const empty = { ...oneOf(image, labelMap(3, 2, () => 0)), length: 0 };
    const batches = segmentationBatches(empty, { batchSize: 1, seed: 0, crop: publishedSegmentationCrop });
    await expect(batches.next()).rejects.toThrow("no pair of an image and its mask");
  });
});
