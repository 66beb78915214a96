import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { imagenetNormalization, normalizationFor } from "./augment/normalization.ts";
import { CropRenderer } from "./augment/renderer.ts";
import { decodeChannels } from "./decode-channels.ts";
import { decodeImage, DecodeError } from "./decode.ts";
import { evalTransform, evalTransformOptions } from "./eval-transform.ts";
import { drawMultiCrop, multiCropOptions, releasedMultiCrop } from "./multi-crop.ts";
import { encode, encodeTiff, noiseImage } from "./testing.ts";

const [width, height] = [6, 4];
const pixels = width * height;

/** Band c of pixel i. */
const bandsOf = (channels: number, value: (i: number, c: number) => number) =>
  Array.from({ length: pixels * channels }, (_, at) => value(Math.floor(at / channels), at % channels));

/** Channel c of a decoded stack. */
const channelOf = (stack: Awaited<ReturnType<typeof decodeChannels>>, c: number) =>
  Array.from({ length: pixels }, (_, i) => stack[Math.floor(c / 3)]!.data[3 * i + (c % 3)]!);

describe("decodeChannels", () => {
  it.each([2, 4, 5, 13, 16])("gives all %i bands of a TIFF as they are, of 8 and of 16 bits, called grey or RGB and more", async (channels) => {
    const value = (i: number, c: number) => (7 * i + 13 * c) % 256;
    const bands = bandsOf(channels, value);
    const files = [encodeTiff(width, height, Uint8Array.from(bands)), encodeTiff(width, height, Uint16Array.from(bands, (v) => 257 * v))];
    if (channels > 3) files.push(encodeTiff(width, height, Uint8Array.from(bands), true));
    for (const file of files) {
      const stack = await decodeChannels(file, { channels });
      expect(stack).toHaveLength(Math.ceil(channels / 3));
      for (let c = 0; c < channels; c++) expect(channelOf(stack, c)).toEqual(Array.from({ length: pixels }, (_, i) => value(i, c)));
    }
  });

  it("scales 16 bits by what the sensor counts as full", async () => {
    const file = encodeTiff(width, height, Uint16Array.from(bandsOf(4, (i, c) => 1000 * c + 10 * i)));
    const stack = await decodeChannels(file, { channels: 4, fullScale: 2000 });
    expect(channelOf(stack, 1)).toEqual(Array.from({ length: pixels }, (_, i) => Math.round((255 * (1000 + 10 * i)) / 2000)));
    expect(channelOf(stack, 3)).toEqual(Array(pixels).fill(255));
    const gray = await decodeChannels(encodeTiff(width, height, Uint16Array.from(bandsOf(1, (i) => 100 * i))), { channels: 1, fullScale: 2300 });
    expect(channelOf(gray, 0)).toEqual(Array.from({ length: pixels }, (_, i) => Math.round((255 * 100 * i) / 2300)));
  });

  it("makes one channel of colours by Pillow's luminance, and three of whatever there is", async () => {
    const image = noiseImage(width, height);
    const [gray] = await decodeChannels(await encode(image), { channels: 1 });
    const [r, g, b] = image.data;
    expect([...gray!.data.subarray(0, 3)]).toEqual(Array(3).fill((19595 * r! + 38470 * g! + 7471 * b! + 32768) >> 16));
    expect(await decodeChannels(await encode(image))).toEqual([await decodeImage(await encode(image))]);
  });

  it("refuses another number of bands, and samples that are no whole numbers", async () => {
    const file = encodeTiff(width, height, new Uint8Array(pixels * 5));
    await expect(decodeChannels(file, { channels: 4 })).rejects.toThrow("has 5 channels; expected 4");
    await expect(decodeChannels(await encode(noiseImage(3, 3)), { channels: 13 })).rejects.toThrow("has 3 channels; expected 13");
    await expect(decodeChannels(Buffer.from("text"), { channels: 4 })).rejects.toThrow(DecodeError);
    await expect(decodeChannels(file, { channels: 5, pixelLimit: 10 })).rejects.toThrow("6 x 4 pixels are more than the limit of 10");
  });
});

describe("views of many channels", () => {
  const channels = 7;
  const options = multiCropOptions({ globalSize: 14, localSize: 14, localCount: 1, ...normalizationFor(channels) });

  it("take every channel from the same place, blurred alike, and leave their values alone", async () => {
    // All channels hold the same picture: whatever is done to one must be done to all of them.
    const stack = await decodeChannels(encodeTiff(width, height, Uint8Array.from(bandsOf(channels, (i) => (37 * i) % 256))), { channels });
    const renderer = new CropRenderer();
    renderer.load(stack);
    const same = { ...options, mean: Array<number>(channels).fill(0.5), standardDeviation: Array<number>(channels).fill(0.25) };
    for (const [i, plan] of drawMultiCrop(options, width, height, RandomStream.fromSeed(3)).entries()) {
      const output = new Float32Array(channels * 14 * 14);
      renderer.render({ ...plan, solarizeThreshold: 0, gray: true }, same, output);
      const first = output.subarray(0, 14 * 14);
      for (let c = 1; c < channels; c++) expect(output.subarray(c * 14 * 14, (c + 1) * 14 * 14), `crop ${i}`).toEqual(first);
      const plain = new Float32Array(channels * 14 * 14);
      renderer.render({ ...plan, jitter: null, gray: false, solarizeThreshold: null }, same, plain);
      expect(output).toEqual(plain);
    }
  });

  it("are those of colour pictures, three by three", async () => {
    const image = noiseImage(width, height);
    const other = noiseImage(width, height, 1);
    const view = evalTransformOptions({ resizeSize: 8, cropSize: 8, ...normalizationFor(6) });
    const colours = { ...view, mean: view.mean.slice(0, 3), standardDeviation: view.standardDeviation.slice(0, 3) };
    const both = evalTransform([image, other], view);
    expect([...both]).toEqual([...evalTransform(image, colours), ...evalTransform(other, colours)]);
  });

  it("of one channel are the first channel of the grey picture, through all of the colour changes", async () => {
    const [gray] = await decodeChannels(await encode(noiseImage(30, 30)), { channels: 1 });
    const [mean, standardDeviation] = [[0.5], [0.25]];
    const three = { mean: [0.5, 0.5, 0.5], standardDeviation: [0.25, 0.25, 0.25] };
    const renderer = new CropRenderer();
    renderer.load([gray!]);
    const plans = Array.from({ length: 8 }, (_, seed) => drawMultiCrop(releasedMultiCrop, 30, 30, RandomStream.fromSeed(seed))[9]!);
    expect(plans.some(({ jitter }) => jitter !== null)).toBe(true);
    for (const plan of plans) {
      const one = new Float32Array(98 * 98);
      const all = new Float32Array(3 * 98 * 98);
      renderer.render(plan, { mean, standardDeviation }, one);
      renderer.render(plan, three, all);
      expect(one).toEqual(all.subarray(0, 98 * 98));
    }
  });

  it("are normalised by ImageNet's statistics, or for other channels their average", () => {
    expect(normalizationFor(3)).toBe(imagenetNormalization);
    expect(normalizationFor(2).mean).toEqual([0.449, 0.449].map((value) => expect.closeTo(value, 3) as number));
    expect(() => multiCropOptions({ mean: [0.5], standardDeviation: [0.5, 0.5] })).toThrow("expected a number per channel");
    expect(() => multiCropOptions({ mean: [0.5], standardDeviation: [0] })).toThrow("deviations above 0");
  });
});
