import { ignoredLabel, type LabelMap, type RgbImage, type SegmentationDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend, valueAndGradients } from "@dinov2/tensor";
import { VisionTransformer, vitConfig } from "@dinov2/vit";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { evaluationSizes, type FrozenBackbone, pixelBackbone, vitBackbone } from "../backbone.ts";
import type { Detail } from "../details.ts";
import { LinearSegmentationHead } from "./linear-segmentation-head.ts";
import { classColor, segmentationFigure } from "./overlay.ts";
import { pixelCrossEntropy } from "./pixel-cross-entropy.ts";
import { segmentationEvaluator } from "./segmentation-evaluator.ts";
import { publishedSegmentationProtocol, segmentationLearningRate } from "./segmentation-protocol.ts";
import { SegmentationScores } from "./segmentation-scores.ts";

beforeAll(() => useBackend({ name: "wasm" }));

let before = 0;
beforeEach(() => void (before = tf.memory().numTensors));
afterEach(() => expect(tf.memory().numTensors).toBe(before));

describe("segmentation scores", () => {
  it("sum areas over the set before they divide, and leave out ignored pixels and absent classes", () => {
    const scores = new SegmentationScores(4);
    scores.add([0, 0, 1, 1], [0, 1, 1, ignoredLabel]);
    scores.add([2, 1, 1], [0, 1, 1]);
    const { iou, accuracy, mIoU, mAcc, aAcc } = scores.metrics();
    expect(iou).toEqual([1 / 3, 3 / 4, 0, NaN]);
    expect(accuracy).toEqual([1 / 2, 3 / 4, NaN, NaN]);
    expect([mIoU, mAcc, aAcc]).toEqual([(1 / 3 + 3 / 4) / 3, (1 / 2 + 3 / 4) / 2, 4 / 6]);
  });
});

describe("the head", () => {
  it("normalises by the batch in training, and by what it saw in use", async () => {
    const head = new LinearSegmentationHead(2, 3, RandomStream.fromSeed(1));
    const weight = await head.tensors.get("conv_seg.weight")!.variable.data();
    const features = tf.tensor4d([1, 10, 3, 30], [1, 1, 2, 2]);
    const logits = tf.tidy(() => head.trainingLogits(features));
    // Two numbers m ± d are normalised to ±1.
    const expected = [0, 1, 2].map((k) => weight[2 * k]! + weight[2 * k + 1]!);
    const got = Array.from(await logits.data());
    expected.forEach((value, k) => expect(got.slice(3)[k]).toBeCloseTo(value, 5));
    expect(Array.from(await head.runningMean.data())).toEqual([2, 20].map((mean) => Math.fround(0.1 * mean)));
    const variances = Array.from(await head.runningVariance.data());
    [2, 200].forEach((unbiased, i) => expect(variances[i]).toBeCloseTo(0.9 + 0.1 * unbiased, 4));
    const inUse = head.logits(features);
    const normal = (x: number, i: number) => (x - [0.2, 2][i]!) / Math.sqrt(variances[i]! + 1e-5);
    expect((await inUse.data())[0]).toBeCloseTo(normal(1, 0) * weight[0]! + normal(10, 1) * weight[1]!, 5);
    tf.dispose([features, logits, inUse]);
    head.dispose();
  });
});

describe("the cross-entropy of pixels", () => {
  it("is divided by all pixels, and pushes only those that count", async () => {
    const logits = tf.tidy(() => tf.variable(tf.tensor4d([1, 2, 3, 0, 0, 0], [1, 1, 2, 3])));
    const labels = tf.tensor3d([2, ignoredLabel], [1, 1, 2], "int32");
    const { value, gradients } = valueAndGradients(() => pixelCrossEntropy(logits as tf.Tensor4D, labels), new Map([["logits", logits]]));
    const sum = Math.exp(1) + Math.exp(2) + Math.exp(3);
    expect((await value.data())[0]).toBeCloseTo((Math.log(sum) - 3) / 2, 6);
    const expected = [Math.exp(1) / sum / 2, Math.exp(2) / sum / 2, (Math.exp(3) / sum - 1) / 2, 0, 0, 0];
    (await gradients.get("logits")!.data()).forEach((slope, i) => expect(slope).toBeCloseTo(expected[i]!, 6));
    tf.dispose([logits, labels, value, ...gradients.values()]);
  });

  it("has the slope of finite differences through the enlargement", async () => {
    const random = RandomStream.fromSeed(3);
    const start = Float32Array.from({ length: 2 * 2 * 3 * 4 }, () => random.normal());
    const labels = tf.tensor3d(Int32Array.from({ length: 2 * 5 * 7 }, (_, i) => (i % 6 === 5 ? ignoredLabel : i % 4)), [2, 5, 7], "int32");
    const lossAt = (values: Float32Array) => tf.tidy(() => pixelCrossEntropy(tf.tensor4d(values, [2, 2, 3, 4]), labels).dataSync()[0]!);
    const logits = tf.tidy(() => tf.variable(tf.tensor4d(start, [2, 2, 3, 4])));
    const { value, gradients } = valueAndGradients(() => pixelCrossEntropy(logits as tf.Tensor4D, labels), new Map([["logits", logits]]));
    const slopes = await gradients.get("logits")!.data();
    for (const i of [0, 7, 23, 30, 47]) {
      const moved = (by: number) => lossAt(start.map((x, j) => (i === j ? x + by : x)));
      expect(slopes[i]).toBeCloseTo((moved(0.05) - moved(-0.05)) / 0.1, 4);
    }
    tf.dispose([logits, labels, value, ...gradients.values()]);
  });
});

describe("the learning rate", () => {
  it("falls in a line to 0 after a warm-up, which a short training shortens", () => {
    const published = segmentationLearningRate(publishedSegmentationProtocol);
    expect(published(0)).toBeCloseTo(1e-9, 12);
    expect(published(750)).toBeCloseTo(1e-3 * (1 - 750 / 40_000) * 0.5, 8);
    expect(published(20_000)).toBeCloseTo(5e-4, 12);
    expect(segmentationLearningRate({ ...publishedSegmentationProtocol, steps: 8 })(2)).toBeCloseTo(7.5e-4, 12);
  });
});

describe("a figure", () => {
  it("colours what counts, in a colour of each class", () => {
    const image = { width: 2, height: 1, data: Uint8Array.from([100, 100, 100, 50, 50, 50]) };
    const map = { width: 2, height: 1, labels: Uint8Array.from([0, ignoredLabel]) };
    const { data } = segmentationFigure({ image, map }, Uint8Array.from([0, 0]));
    const panel = (start: number) => Array.from(data.subarray(3 * start, 3 * start + 6));
    // Class 0 is a red of 230.
    expect(panel(6)).toEqual([178, 40, 40, 50, 50, 50]);
    expect(panel(12)).toEqual([178, 40, 40, 158, 20, 20]);
    expect(new Set(Array.from({ length: 150 }, (_, label) => classColor(label).join())).size).toBeGreaterThan(145);
  });
});

/** Pictures of odd sizes whose left part is dark and whose right part is light, which is what the masks say. */
function twoParts(length: number, seed: number): SegmentationDataset {
  const pairs = Array.from({ length }, (_, i) => pairOf(40 + 3 * i, 30 + (i % 4), RandomStream.fromSeed(seed).split(String(i))));
  return {
    length,
    classNames: ["dark", "light", "never"],
    name: (index) => `images/${index}.jpg`,
    readImage: (index) => Promise.resolve(pairs[index]!.image),
    readMap: (index) => Promise.resolve(pairs[index]!.map),
  };
}

function pairOf(width: number, height: number, random: RandomStream): { image: RgbImage; map: LabelMap } {
  const edge = Math.floor(width * random.uniform(0.3, 0.7));
  const isLight = (i: number) => i % width >= edge;
  const level = (i: number) => (isLight(i) ? 200 : 60) + random.uniform(-20, 20);
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => level(Math.floor(i / 3)));
  const labels = Uint8Array.from({ length: width * height }, (_, i) => (i < width ? ignoredLabel : Number(isLight(i))));
  return { image: { width, height, data }, map: { width, height, labels } };
}

describe("the evaluator", () => {
  const protocol = {
    steps: 30,
    trainBatch: 4,
    learningRate: 0.05,
    crop: { size: 56, scale: [112, 56] as const, ratios: [1, 1.5] as const, largestShare: 0.9, flipProbability: 0.5, distortion: null },
    testScale: [112, 56] as const,
    window: { size: 56, stride: 37 },
  };
  const context = { task: { train: twoParts(8, 0), test: twoParts(3, 1) }, seed: 0 };

  async function metricsOf(backbone: FrozenBackbone, options = {}, changes = {}): Promise<Record<string, number>> {
    const metrics: Record<string, number> = {};
    const evaluator = segmentationEvaluator({ ...protocol, ...options });
    for await (const { metric, value } of evaluator.run(backbone, { ...context, ...changes })) metrics[metric] = value;
    return metrics;
  }

  it("tells dark from light by pixels, in images of any size", async () => {
    const details: Detail[] = [];
    const metrics = await metricsOf(pixelBackbone(), {}, { figures: 2, found: (detail: Detail) => void details.push(detail) });
    expect(metrics["all.mIoU"]).toBeGreaterThan(0.8);
    const iou = details.flatMap((detail) => (detail.detail === "perClass" && detail.measure === "IoU" ? Array.from(detail.values) : []));
    expect(iou[2]).toBeNaN();
    expect(metrics["all.mIoU"]).toBeCloseTo((iou[0]! + iou[1]!) / 2, 12);
    const figures = details.flatMap((detail) => (detail.detail === "picture" ? [detail] : []));
    expect(figures.map(({ name }) => name)).toEqual(["images/0.jpg", "images/1.jpg"]);
    expect(figures[1]!.image).toMatchObject({ width: 3 * 43 + 8, height: 31 });
  });

  it("reads several layers of a network at several sizes, the same each time", async () => {
    const model = VisionTransformer.create(
      vitConfig("small", { patchSize: 7, imageSize: 56, embedDim: 16, depth: 2, numHeads: 2 }),
      RandomStream.fromSeed(0),
    );
    const backbone = vitBackbone("small", model, evaluationSizes(model.config));
    const options = { layers: 4, ratios: [1, 1.32], flipTest: true, steps: 6 };
    const [first, second] = [await metricsOf(backbone, options), await metricsOf(backbone, options)];
    expect(first["all.aAcc"]).toBeGreaterThan(0);
    expect(second).toEqual(first);
    model.dispose();
  });

  it("refuses an empty split, and a backbone without places", async () => {
    const empty = { ...context.task.test, length: 0 };
    await expect(metricsOf(pixelBackbone(), {}, { task: { ...context.task, test: empty } })).rejects.toThrow("no pair of an image and its mask to test on");
    await expect(metricsOf(pixelBackbone(), {}, { task: { ...context.task, train: empty } })).rejects.toThrow("to train on");
    const { name, width, imageSizes, imageFeatures } = pixelBackbone();
    await expect(metricsOf({ name, width, imageSizes, imageFeatures })).rejects.toThrow("pixels has no features of places");
  });
});
