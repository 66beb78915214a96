// The random choices of the augmentation, by their statistics over many draws.

import { readFile } from "node:fs/promises";
import {
  CropRenderer,
  decodeImage,
  drawCropRectangle,
  drawMultiCrop,
  multiCropOptions,
  type CropPlan,
  type MultiCropOptions,
  type RgbImage,
} from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { compareFact, compareStatistic, type Check, type Comparison, type GoldenCase } from "../harness.ts";

interface RectangleStatistics {
  readonly width: number;
  readonly height: number;
  readonly scale: readonly [number, number];
  readonly draws: number;
  readonly [statistic: string]: unknown;
}

interface ViewStatistics {
  readonly draws: number;
  readonly channel_mean: readonly number[];
  readonly channel_mean_std: readonly number[];
  readonly pixel_std_mean: number;
  readonly pixel_std_std: number;
  readonly gray_fraction: number;
}

export const check: Check = async (golden) => [
  ...golden.value<RectangleStatistics[]>("random_resized_crop").flatMap(checkRectangles),
  ...checkProbabilities(golden),
  ...(await checkBlurredShare(golden)),
  ...(await checkEndToEnd(golden)),
];

function checkRectangles(reference: RectangleStatistics): Comparison[] {
  const { width, height, scale, draws } = reference;
  const random = RandomStream.fromSeed(3).split("rectangles", width, height, scale[0]);
  const options = { scale, aspectRatio: multiCropOptions().aspectRatio };
  const rectangles = Array.from({ length: draws }, () => drawCropRectangle(width, height, options, random));
  const measures: Readonly<Record<string, readonly number[]>> = {
    area: rectangles.map((r) => (r.width * r.height) / (width * height)),
    log_aspect: rectangles.map((r) => Math.log(r.width / r.height)),
    center_x: rectangles.map((r) => (r.left + r.width / 2) / width),
    center_y: rectangles.map((r) => (r.top + r.height / 2) / height),
  };
  const where = `${width}x${height} at ${scale.join("-")}`;
  return Object.entries(measures).flatMap(([name, values]) =>
    compareSample(`${where} ${name}`, values, Number(reference[`${name}_mean`]), Number(reference[`${name}_std`]), draws),
  );
}

/** Mean within 5·√2·std/√draws and standard deviation within 5·std/√draws, with room for the last bits where both are fixed. */
function compareSample(name: string, values: readonly number[], mean: number, std: number, draws: number): Comparison[] {
  const lastBits = 1e-9;
  const error = std / Math.sqrt(draws);
  return [
    compareStatistic(`${name} mean`, average(values), mean, 5 * Math.SQRT2 * error + lastBits),
    compareStatistic(`${name} std`, deviation(values), std, 5 * error + lastBits),
  ];
}

/** How often each change is drawn, against its definition. */
function checkProbabilities(golden: GoldenCase): Comparison[] {
  const defined = golden.value<{
    hflip: number;
    color_jitter_apply: number;
    grayscale: number;
    solarize_global2: number;
    solarize_threshold: number;
    brightness: [number, number];
    contrast: [number, number];
    saturation: [number, number];
    hue: [number, number];
    blur_effective: { global1: number; global2: number; local: number };
  }>("probabilities");
  const { globalCount, ...options } = multiCropOptions();
  const draws = 4000;
  const plans = Array.from({ length: draws }, (_, i) =>
    drawMultiCrop({ globalCount, ...options }, 500, 375, RandomStream.fromSeed(i)),
  );
  const share = (name: string, crop: number, changed: (plan: CropPlan) => boolean, p: number) =>
    compareStatistic(
      `${name} of crop ${crop}`,
      average(plans.map((views) => Number(changed(views[crop]!)))),
      p,
      5 * Math.sqrt((p * (1 - p)) / draws),
    );
  const blur = [defined.blur_effective.global1, defined.blur_effective.global2, defined.blur_effective.local];
  const solarize = [0, defined.solarize_global2, 0];
  const jitters = plans.flatMap((views) => views.flatMap(({ jitter }) => (jitter === null ? [] : [jitter])));
  const thresholds = plans.flatMap((views) => views.flatMap((plan) => plan.solarizeThreshold ?? []));
  return [
    ...[0, 1, globalCount].flatMap((crop, kind) => [
      share("flip", crop, (plan) => plan.flip, defined.hflip),
      share("jitter", crop, (plan) => plan.jitter !== null, defined.color_jitter_apply),
      share("gray", crop, (plan) => plan.gray, defined.grayscale),
      share("blur", crop, (plan) => plan.blurSigma !== null, blur[kind]!),
      share("solarize", crop, (plan) => plan.solarizeThreshold !== null, solarize[kind]!),
    ]),
    ...(["brightness", "contrast", "saturation", "hue"] as const).flatMap((name) =>
      compareUniform(name, jitters.map((jitter) => jitter[name]), defined[name]),
    ),
    ...orderShares(jitters.map(({ order }) => order.join(" "))),
    compareFact("solarize threshold", thresholds.every((t) => t === defined.solarize_threshold), `${thresholds[0]}`),
  ];
}

/** Mean and extent of a sample that should be uniform over `range`. */
function compareUniform(name: string, values: readonly number[], [low, high]: readonly [number, number]): Comparison[] {
  const allowed = (5 * (high - low)) / Math.sqrt(12 * values.length);
  const inside = values.every((value) => value >= low - 1e-12 && value <= high + 1e-12);
  return [
    compareStatistic(`${name} mean`, average(values), (low + high) / 2, allowed),
    compareStatistic(`${name} std`, deviation(values), (high - low) / Math.sqrt(12), allowed),
    compareFact(`${name} stays in its range`, inside, `[${low}, ${high}]`),
  ];
}

/** Each of the 24 orders of four operations is as likely as the others. */
function orderShares(orders: readonly string[]): Comparison[] {
  const counts = new Map<string, number>();
  for (const order of orders) counts.set(order, (counts.get(order) ?? 0) + 1);
  const allowed = 5 * Math.sqrt(((1 / 24) * (23 / 24)) / orders.length);
  return [
    compareStatistic("orders of jitter", counts.size, 24, 0),
    ...[...counts].map(([order, count]) => compareStatistic(`order ${order}`, count / orders.length, 1 / 24, allowed)),
  ];
}

/** Share of pictures that blurring changes: a very small sigma leaves the bytes as they are. */
async function checkBlurredShare(golden: GoldenCase): Promise<Comparison[]> {
  const reference = golden.value<Record<string, { nominal_p: number; fraction_of_outputs_changed: number; draws: number }>>(
    "gaussian_blur_applied_fraction",
  );
  const sharp = noiseImage(32);
  return Object.values(reference).map(({ nominal_p: p, fraction_of_outputs_changed: expected, draws }) => {
    const options = multiCropOptions({
      globalCount: 1, localCount: 0, globalSize: sharp.width, globalScale: [1, 1], aspectRatio: [1, 1],
      flipProbability: 0, jitterProbability: 0, grayProbability: 0, blurProbabilities: [p, p, p],
    });
    const unchanged = renderAll(sharp, { ...options, blurSemantics: "paper", blurProbabilities: [0, 0, 0] }, 0)[0]!;
    let changed = 0;
    for (let i = 0; i < draws; i++) {
      const got = renderAll(sharp, options, i)[0]!;
      changed += Number(got.some((value, at) => value !== unchanged[at]));
    }
    const allowed = 5 * Math.sqrt((2 * Math.max(expected * (1 - expected), 1 / draws)) / draws);
    return compareStatistic(`changed by blur, nominal p ${p}`, changed / draws, expected, expected === 0 ? 0 : allowed);
  });
}

function noiseImage(side: number): RgbImage {
  const random = RandomStream.fromSeed(4);
  return { width: side, height: side, data: Uint8Array.from({ length: side * side * 3 }, () => random.integer(256)) };
}

function renderAll(image: RgbImage, options: MultiCropOptions, seed: number): Float32Array[] {
  const renderer = CropRenderer.shared();
  renderer.load(image);
  return drawMultiCrop(options, image.width, image.height, RandomStream.fromSeed(seed).split("sample")).map((plan) => {
    const crop = new Float32Array(3 * plan.outputWidth * plan.outputHeight);
    renderer.render(plan, options, crop);
    return crop;
  });
}

/** Means and spreads of the finished crops of one picture. */
async function checkEndToEnd(golden: GoldenCase): Promise<Comparison[]> {
  const attributes = golden.values.end_to_end!.attributes as {
    image_png: string;
    global_scale: [number, number];
    local_scale: [number, number];
    global_size: number;
    local_size: number;
    local_number: number;
  };
  const image = await decodeImage(await readFile(golden.path(attributes.image_png)));
  const options = multiCropOptions({
    globalSize: attributes.global_size,
    localSize: attributes.local_size,
    localCount: attributes.local_number,
    globalScale: attributes.global_scale,
    localScale: attributes.local_scale,
  });
  const reference = golden.value<{ global1: ViewStatistics; global2: ViewStatistics; local: ViewStatistics }>("end_to_end");
  const views = Array.from({ length: reference.global1.draws }, (_, i) => renderAll(image, options, i));
  return [
    ...compareViews("global1", views.map((crops) => crops[0]!), reference.global1),
    ...compareViews("global2", views.map((crops) => crops[1]!), reference.global2),
    ...compareViews("local", views.flatMap((crops) => crops.slice(options.globalCount)), reference.local),
  ];
}

function compareViews(name: string, crops: readonly Float32Array[], reference: ViewStatistics): Comparison[] {
  const { draws, gray_fraction: gray } = reference;
  const channel = (crop: Float32Array, c: number) => crop.subarray((c * crop.length) / 3, ((c + 1) * crop.length) / 3);
  const allowed = (std: number) => (5 * Math.SQRT2 * std) / Math.sqrt(draws);
  const compare = (what: string, values: readonly number[], expected: number, std: number) =>
    compareStatistic(`${name} ${what}`, average(values), expected, allowed(std));
  return [
    ...[0, 1, 2].map((c) =>
      compare(
        `mean of channel ${c}`,
        crops.map((crop) => averageOf(channel(crop, c))),
        reference.channel_mean[c]!,
        reference.channel_mean_std[c]!,
      ),
    ),
    compare("pixel spread", crops.map((crop) => spreadOf(crop)), reference.pixel_std_mean, reference.pixel_std_std),
    compare("gray", crops.map((crop) => Number(isGray(crop))), gray, Math.sqrt(gray * (1 - gray))),
  ];
}

/** Whether the three channels hold the same levels. */
function isGray(crop: Float32Array): boolean {
  const { mean, standardDeviation } = multiCropOptions();
  const plane = crop.length / 3;
  const level = (c: number, i: number) => Math.round((crop[c * plane + i]! * standardDeviation[c]! + mean[c]!) * 255);
  for (let i = 0; i < plane; i++) if (level(0, i) !== level(1, i) || level(0, i) !== level(2, i)) return false;
  return true;
}

const averageOf = (values: Float32Array) => values.reduce((a, b) => a + b, 0) / values.length;
function spreadOf(values: Float32Array): number {
  const mean = averageOf(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;
function deviation(values: readonly number[]): number {
  const mean = average(values);
  return Math.sqrt(average(values.map((value) => (value - mean) ** 2)));
}
