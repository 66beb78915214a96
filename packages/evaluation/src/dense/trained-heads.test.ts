import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DepthDataset, publishedDepthCrop, type SegmentationDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend, writeSafetensors } from "@dinov2/tensor";
import { type StateDict, VisionTransformer, vitConfig } from "@dinov2/vit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pixelBackbone, vitBackbone } from "../backbone.ts";
import { depthEvaluator, depthHeadOf, DptDepthHead, readDepthHead } from "../depth/index.ts";
import type { Detail } from "../details.ts";
import type { Measurement } from "../evaluator.ts";
import { layersReadBy, readSegmentationHead, segmentationEvaluator } from "../segmentation/index.ts";
import { headWeights, loadHead } from "./head-weights.ts";
import { torchCheckpoint } from "./torch-file.ts";

const [width, height] = [14, 9];
const random = RandomStream.fromSeed(7);
const images = Array.from({ length: 4 }, () => ({ width, height, data: Uint8Array.from({ length: 3 * width * height }, () => random.integer(256)) }));
const pairs = { length: 2, name: (i: number) => `${i}.png`, readImage: (i: number) => Promise.resolve(images[i]!) };
const depths: DepthDataset = {
  ...pairs,
  range: [0.001, 10],
  readMap: (i) => Promise.resolve({ width, height, depths: Float32Array.from({ length: width * height }, (_, at) => 1 + i + (at % 5)) }),
};
const masks: SegmentationDataset = {
  ...pairs,
  classNames: ["sky", "sea", "sand"],
  readMap: (i) => Promise.resolve({ width, height, labels: Uint8Array.from({ length: width * height }, (_, at) => (at + i) % 3) }),
};

const config = vitConfig("small", { patchSize: 7, imageSize: 14, embedDim: 16, depth: 4, numHeads: 2 });
let root: string;
let backbone: ReturnType<typeof vitBackbone>;
beforeAll(async () => {
  await useBackend({ name: "wasm" });
  backbone = vitBackbone("tiny", VisionTransformer.create(config, RandomStream.fromSeed(0)));
  root = await mkdtemp(join(tmpdir(), "heads-"));
});
afterAll(() => rm(root, { recursive: true }));

/** The metrics, and the head that was trained, if one was. */
async function outcome(run: (found: (detail: Detail) => void) => AsyncIterable<Measurement>) {
  const metrics: Record<string, number> = {};
  let weights: StateDict = new Map();
  const found = (detail: Detail) => void (detail.detail === "head" && (weights = detail.weights));
  for await (const { metric, value } of run(found)) metrics[metric] = value;
  return { metrics, weights };
}

const write = async (name: string, weights: StateDict) => {
  const path = join(root, name);
  if (name.endsWith(".pth")) await writeFile(path, torchCheckpoint(weights));
  else await writeSafetensors(path, weights);
  return path;
};

describe("a depth head from a file", () => {
  const crop = { ...publishedDepthCrop, width: 7, height: 7 };
  const train = (head: "lin1" | "lin4") =>
    outcome((found) => depthEvaluator({ head, steps: 1, trainBatch: 1, crop, flipTest: false }).run(backbone, { task: { train: depths, test: depths }, seed: 1, found }));
  const measure = async (path: string, on = backbone) => {
    const trainedHead = await readDepthHead(path);
    return outcome(() => depthEvaluator({ flipTest: false }).run(on, { task: { test: depths }, seed: 2, trainedHead }));
  };

  it.each(["lin1", "lin4"] as const)("gives the metrics that %s was trained to, to the bit, and keeps no tensor", async (head) => {
    const { metrics, weights } = await train(head);
    const before = tf.memory().numTensors;
    const path = await write(`${head}.${head === "lin1" ? "safetensors" : "pth"}`, weights);
    expect((await measure(path)).metrics).toEqual(metrics);
    expect(depthHeadOf(await readDepthHead(path), { width: 16 })).toBe(head);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("is a DPT head by its names, and answers as the one that was written", async () => {
    const fresh = (seed: number) => new DptDepthHead({ width: 8, channels: 4, stageChannels: [2, 2, 4, 8] }, depths.range, RandomStream.fromSeed(seed));
    const [written, read] = [fresh(1), fresh(2)];
    const path = await write("dpt.pth", await headWeights(written.tensors));
    const trained = await readDepthHead(path);
    expect(depthHeadOf(trained, { width: 8 })).toBe("dpt");
    expect(trained.weights.get("reassemble_blocks.resize_layers.0.weight")!.shape).toEqual([2, 2, 4, 4]);
    loadHead(read.tensors, trained);
    const values = Float32Array.from({ length: 2 * 3 * 8 }, () => random.normal());
    const maps = [0, 1, 2, 3].map(() => ({ patches: tf.tensor4d(values, [1, 2, 3, 8]), classToken: tf.ones([1, 8]) as tf.Tensor2D }));
    expect(await read.predict(maps).data()).toEqual(await written.predict(maps).data());
  });

  it("has the names and shapes of the official one, and may have the batch norm that this does not use", async () => {
    const { metrics, weights } = await train("lin4");
    const shapes = [...weights].map(([name, { shape }]) => [name, shape]);
    expect(shapes).toEqual([["decode_head.conv_depth.weight", [256, 2 * 4 * 16, 1, 1]], ["decode_head.conv_depth.bias", [256]]]);
    weights.set("decode_head.bn.weight", { shape: [128], data: new Float32Array(128) });
    expect((await measure(await write("with-norm.pth", weights))).metrics).toEqual(metrics);
  });

  it("is refused with what does not fit", async () => {
    const { weights } = await train("lin4");
    await expect(measure(await write("head.pth", weights), pixelBackbone())).rejects.toThrow(
      /head\.pth reads 128 numbers of a place, and the model gives 1176 \(its last block\) or 4704 \(four blocks\)/,
    );
    const without = new Map([...weights].filter(([name]) => !name.endsWith("bias")));
    await expect(measure(await write("short.pth", without))).rejects.toThrow(/short\.pth does not fit .*: 1 missing \(conv_depth\.bias\)/);
    const more = new Map([...weights, ["decode_head.fusion.weight", weights.get("decode_head.conv_depth.bias")!]]);
    await expect(measure(await write("more.pth", more))).rejects.toThrow(/more\.pth does not fit .*: 1 unexpected \(fusion\.weight\)/);
    const narrow = new Map([...weights, ["decode_head.conv_depth.weight", { shape: [16, 128, 1, 1], data: new Float32Array(2048) }]]);
    await expect(measure(await write("narrow.pth", narrow))).rejects.toThrow(/1 of another shape \(conv_depth\.weight is \[16, 128, 1, 1\], expected \[256, 128, 1, 1\]\)/);
  });
});

describe("a segmentation head from a file", () => {
  const crop = { size: 14, scale: [28, 14] as const, ratios: [1, 1] as const, largestShare: 1, flipProbability: 0.5, distortion: null };
  const protocol = { steps: 3, trainBatch: 2, crop, testScale: [28, 14] as const, window: { size: 14, stride: 9 } };
  const train = (layers: number) =>
    outcome((found) => segmentationEvaluator({ ...protocol, layers }).run(backbone, { task: { train: masks, test: masks }, seed: 1, found }));
  const measure = async (path: string, test = masks) => {
    const trainedHead = await readSegmentationHead(path);
    return outcome(() => segmentationEvaluator(protocol).run(backbone, { task: { test }, seed: 2, trainedHead }));
  };

  it.each([1, 4])("gives the metrics that one on %d blocks was trained to, to the bit, whatever a batch norm counted", async (layers) => {
    const { metrics, weights } = await train(layers);
    expect([...weights.keys()]).toContain("decode_head.bn.running_var");
    expect(weights.get("decode_head.conv_seg.weight")!.shape).toEqual([3, 16 * layers, 1, 1]);
    weights.set("decode_head.bn.num_batches_tracked", { shape: [], data: Float32Array.of(3) });
    const path = await write(`masks-${layers}.pth`, weights);
    expect((await measure(path)).metrics).toEqual(metrics);
    expect(layersReadBy(await readSegmentationHead(path), { width: 16, depth: 4 })).toBe(layers);
  });

  it("is refused with what does not fit: the classes, the width, another head, another file", async () => {
    const { weights } = await train(1);
    const path = await write("three.safetensors", weights);
    await expect(measure(path, { ...masks, classNames: ["sky", "sea"] })).rejects.toThrow(
      /three\.safetensors does not fit .*conv_seg\.weight is \[3, 16, 1, 1\], expected \[2, 16, 1, 1\].*Name the model and the data that the head was trained on/,
    );
    const { weights: four } = await train(4);
    await expect(readSegmentationHead(await write("four.pth", four)).then((head) => layersReadBy(head, { width: 48, depth: 4 }))).rejects.toThrow(
      /four\.pth reads 64 numbers of a place, and the model gives 48 for each of its 4 blocks/,
    );
    await expect(readDepthHead(path)).rejects.toThrow(/three\.safetensors holds no depth head; expected decode_head\.conv_depth\.weight/);
    const backboneFile = await write("backbone.safetensors", new Map([["cls_token", { shape: [1], data: Float32Array.of(1) }]]));
    await expect(readSegmentationHead(backboneFile)).rejects.toThrow(/backbone\.safetensors is no file of a head: it holds 1 other tensors? \(cls_token\)/);
    await expect(readSegmentationHead(join(root, "none.pth"))).rejects.toThrow(/Cannot open .*none\.pth/);
  });
});
