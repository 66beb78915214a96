import { publishedDepthCrop, type DepthDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { VisionTransformer, vitConfig } from "@dinov2/vit";
import { beforeAll, describe, expect, it } from "vitest";
import { pixelBackbone, vitBackbone } from "../backbone.ts";
import type { Detail } from "../details.ts";
import { depthEvaluator } from "./depth-evaluator.ts";
import { depthColors } from "./depth-figure.ts";
import { depthLayers } from "./depth-layers.ts";
import { DepthProbe } from "./depth-probe.ts";
import { depthLearningRate } from "./depth-protocol.ts";
import { DptDepthHead } from "./dpt-depth-head.ts";
import { predictDepth } from "./predict-depth.ts";

beforeAll(() => useBackend({ name: "wasm" }));

/** Walls of one grey each: the brighter, the nearer. */
function walls(count: number, seed: number): DepthDataset {
  const random = RandomStream.fromSeed(seed);
  const greys = Array.from({ length: count }, () => 40 + random.integer(200));
  const [width, height] = [20, 14];
  return {
    length: count,
    range: [0.001, 10],
    name: (index) => `wall ${index}`,
    readImage: async (index) => ({ width, height, data: new Uint8Array(3 * width * height).fill(greys[index]!) }),
    readMap: async (index) => ({ width, height, depths: new Float32Array(width * height).fill(9 - greys[index]! / 30) }),
  };
}

const crop = { ...publishedDepthCrop, width: 20, height: 14, rotation: 0, colorProbability: 0 };
const protocol = { head: "lin1", steps: 120, trainBatch: 4, learningRate: 5e-4, crop } as const;
const task = { train: walls(24, 1), test: walls(6, 2) };

async function metricsOf(run: AsyncIterable<{ metric: string; value: number }>) {
  const metrics: Record<string, number> = {};
  for await (const { metric, value } of run) metrics[metric] = value;
  return metrics;
}

const tinyVit = () =>
  vitBackbone("tiny", VisionTransformer.create(
    vitConfig("small", { patchSize: 7, imageSize: 14, embedDim: 16, depth: 2, numHeads: 2 }), RandomStream.fromSeed(0)));

describe("depthEvaluator", () => {
  it("learns depths that colours tell, far better than one depth for all, and gives the same numbers again", async () => {
    const run = () => metricsOf(depthEvaluator(protocol).run(pixelBackbone(), { task, seed: 0 }));
    const metrics = await run();
    expect(Object.keys(metrics)).toHaveLength(18);
    const depths = await Promise.all(Array.from({ length: task.test.length }, async (_, i) => (await task.test.readMap(i)).depths[0]!));
    const errorOf = (guess: number) => depths.reduce((sum, depth) => sum + Math.abs(guess - depth) / depth, 0) / depths.length;
    expect(metrics["image.abs_rel"]).toBeLessThan(Math.min(...depths.map(errorOf)) / 2); // one of them is the best guess
    expect(await run()).toEqual(metrics);
  });

  it("trains each head on a transformer, keeps no tensor, and draws as many images as asked for", async () => {
    const backbone = tinyVit();
    for (const head of ["lin1", "lin4", "dpt"] as const) {
      const before = tf.memory().numTensors;
      const short = { ...protocol, head, steps: 1, trainBatch: 1, crop: { ...crop, width: 14 }, gradientLoss: 0.5 };
      const details: Detail[] = [];
      const found = (detail: Detail) => void details.push(detail);
      const metrics = await metricsOf(depthEvaluator(short).run(backbone, { task: { ...task, test: walls(2, 3) }, seed: 0, found, figures: 1 }));
      expect(metrics["image.rmse"]).toBeGreaterThan(0);
      expect(details).toMatchObject([{ detail: "head" }, { detail: "picture", folder: "depth", name: "wall 0", image: { width: 3 * 20 + 8, height: 14 } }]);
      expect(tf.memory().numTensors).toBe(before);
    }
  });

  it("refuses an empty split, and says so before training", async () => {
    const run = (some: Partial<typeof task>) => metricsOf(depthEvaluator(protocol).run(pixelBackbone(), { task: { ...task, ...some }, seed: 0 }));
    await expect(run({ test: walls(0, 1) })).rejects.toThrow("no pair of an image and its depths to test on");
    await expect(run({ train: walls(0, 1) })).rejects.toThrow("no pair of an image and its depths to train on");
  });
});

it("a mirrored picture gets the mirrored answer when both are averaged", async () => {
  const probe = new DepthProbe(tinyVit(), { head: "lin4", range: [0.001, 10], random: RandomStream.fromSeed(2) });
  const [width, height] = [21, 14];
  const random = RandomStream.fromSeed(5);
  const data = Uint8Array.from({ length: 3 * width * height }, () => random.integer(256));
  const mirror = <T extends Uint8Array | Float32Array>(values: T, channels: number): T =>
    values.map((_, i) => {
      const [pixel, channel] = [Math.floor(i / channels), i % channels];
      return values[(pixel - (pixel % width) + width - 1 - (pixel % width)) * channels + channel]!;
    }) as T;
  const straight = await predictDepth(probe, { width, height, data });
  expect(straight.every((depth) => depth >= 0.001 && depth <= 10)).toBe(true);
  const mirrored = await predictDepth(probe, { width, height, data: mirror(data, 3) });
  mirror(mirrored, 1).forEach((depth, i) => expect(depth).toBeCloseTo(straight[i]!, 4));
  probe.dispose();
});

it("a fresh DPT head answers depths that it can learn from, whatever the seed", async () => {
  const maps = [0, 1, 2, 3].map(() => ({ patches: tf.ones([1, 1, 2, 8]) as tf.Tensor4D, classToken: tf.ones([1, 8]) as tf.Tensor2D }));
  for (let seed = 0; seed < 8; seed++) {
    const sizes = { width: 8, channels: 8, stageChannels: [2, 2, 4, 8] } as const;
    const head = new DptDepthHead(sizes, [0.001, 10], RandomStream.fromSeed(seed));
    expect(Math.min(...(await head.predict(maps).data()))).toBeGreaterThan(0.1);
    head.dispose();
  }
});

it("depthLayers are the published ones, and spread over any other depth", () => {
  expect([12, 24, 40].map(depthLayers)).toEqual([[2, 5, 8, 11], [4, 11, 17, 23], [9, 19, 29, 39]]);
  expect(depthLayers(6)).toEqual([1, 2, 4, 5]);
  expect(depthLayers(1)).toEqual([0, 0, 0, 0]);
});

it("depthLearningRate rises in the first third and falls to nothing", () => {
  const rate = depthLearningRate({ steps: 300, learningRate: 1, warmupShare: 1 / 3 });
  expect(rate(0)).toBeCloseTo(1e-3, 12);
  expect(rate(100)).toBeCloseTo(0.75, 12); // (1 + cos 60°) / 2
  expect(rate(50)).toBeLessThan(rate(99));
  expect(rate(299)).toBeLessThan(1e-4);
});

it("depthColors darken with distance, clip, and are grey where nothing was measured", () => {
  const colors = depthColors(Float32Array.of(1, 2, 3, 4, 9, 0), [1, 4]);
  const light = Array.from({ length: 6 }, (_, i) => colors[3 * i]! + colors[3 * i + 1]! + colors[3 * i + 2]!);
  expect(light.slice(0, 4)).toEqual([...light.slice(0, 4)].sort((a, b) => b - a));
  expect(light[4]).toBe(light[3]);
  expect([...colors.subarray(15)]).toEqual([128, 128, 128]);
});
