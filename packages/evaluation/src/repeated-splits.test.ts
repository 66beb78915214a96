import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodePng } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { type tf, useBackend } from "@dinov2/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FrozenBackbone, pixelBackbone } from "./backbone.ts";
import type { Measurement } from "./evaluator.ts";
import { knnEvaluator } from "./knn-evaluator.ts";
import { linearEvaluator } from "./linear-evaluator.ts";
import { measureSplits, openSplits } from "./repeated-splits.ts";

let root: string;
/** 12 pictures of noise in each of two classes, so that what is right is chance; one of them is no picture. */
beforeAll(async () => {
  await useBackend({ name: "cpu" });
  root = await mkdtemp(join(tmpdir(), "dinov2-splits-"));
  const random = RandomStream.fromSeed(5);
  for (const side of ["set/a", "set/b", "sides/train/a", "sides/val/a"]) {
    await mkdir(join(root, side), { recursive: true });
    for (let i = 0; i < 12; i++) {
      const data = Uint8Array.from({ length: 3 * 4 * 4 }, () => random.integer(256));
      await writeFile(join(root, side, `${i}.png`), side === "set/b" && i === 3 ? "nothing" : await encodePng({ width: 4, height: 4, data }));
    }
  }
});
afterAll(() => rm(root, { recursive: true }));

const options = (data: string) => ({ data: join(root, data), split: 0.4, seed: 7 });
const all = async (measurements: AsyncIterable<Measurement>) => {
  const found = new Map<string, Measurement>();
  for await (const one of measurements) found.set(one.metric, one);
  return found;
};
const context = { batchSize: 8, seed: 7 };

describe("a measure on several splits", () => {
  it("is the mean and the deviation of what each split alone gives", async () => {
    const tasks = await openSplits(options("set"), 3);
    const evaluator = knnEvaluator({ ks: [1, 5] });
    const found = await all(measureSplits(evaluator, pixelBackbone(4), tasks, context));
    const alone: number[] = [];
    for (const task of tasks) alone.push((await all(evaluator.run(pixelBackbone(4), { ...context, task }))).get("k5.top1")!.value);
    const [a, b, c] = alone as [number, number, number];
    const mean = (a + b + c) / 3;
    expect(new Set(alone).size).toBeGreaterThan(1);
    expect(found.get("k5.top1")!.value).toBeCloseTo(mean, 12);
    expect(found.get("k5.top1.sd")!.value).toBeCloseTo(Math.sqrt(((a - mean) ** 2 + (b - mean) ** 2 + (c - mean) ** 2) / 2), 12);
    expect(found.get("k5.top1")!.note).toBe(`splits ${alone.map((value) => value.toFixed(4)).join(" ")}`);
  });

  it("shows the network each image once, whatever parts of it evaluators ask for", async () => {
    const pixels = pixelBackbone(4);
    let seen = 0;
    const counting: FrozenBackbone = { ...pixels, imageFeatures: (images: tf.Tensor4D) => ((seen += images.shape[0]), pixels.imageFeatures(images)) };
    const evaluator = linearEvaluator({ learningRates: [0.1], steps: 2, selectOn: "held-out", heldOutShare: 0.3 });
    const found = await all(measureSplits(evaluator, counting, await openSplits(options("set"), 3), context));
    expect(seen).toBe(23);
    expect(found.get("linear.top1")!.note).toMatch(/^splits 0\.\d{4} .*; head image.lr0.1, the best of 1 on training images held out/);
  });

  it("divides anew for each seed, the first being that of a single split", async () => {
    const names = (await openSplits(options("set"), 3)).map(({ test }) => Array.from({ length: test.length }, (_, i) => test.name(i)).join());
    const [single] = await openSplits(options("set"), 1);
    expect(new Set(names).size).toBe(3);
    expect(Array.from({ length: single!.test.length }, (_, i) => single!.test.name(i)).join()).toBe(names[0]);
  });

  it("refuses data with sides of its own", async () => {
    await expect(openSplits(options("sides"), 2)).rejects.toThrow(/sides gives the same two sides every time \(folders train and val\); leave --splits 2 out/);
  });
});
