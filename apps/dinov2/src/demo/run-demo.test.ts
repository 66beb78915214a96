import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDataset } from "@dinov2/data";
import { tf, useBackend } from "@dinov2/tensor";
import { parseRecipe } from "@dinov2/training";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accuracyTable, describe as describeResult } from "./describe.ts";
import { listEmoji } from "./emoji.ts";
import { openTask } from "./measure.ts";
import { prepareImages, writeSplit } from "./prepare.ts";
import { runDemo, type DemoResult } from "./run-demo.ts";

// 120 pictures, 3 steps: enough to go through every stage, not to learn.
const emoji = (await listEmoji()).filter(({ skinTone }) => !skinTone).filter((_, i) => i % 15 === 0).slice(0, 120);
const recipe = parseRecipe({
  model: { size: "tiny", embedDim: 32, depth: 1, numHeads: 1, patchSize: 8, dropPathRate: 0 },
  heads: { dino: { prototypes: 16, hiddenDim: 16, bottleneckDim: 8 } },
  teacher: { targets: "sinkhorn-knopp" },
  schedule: { steps: 3, warmupSteps: 1, freezeLastLayerSteps: 0 },
  crops: { globalSize: 32, localSize: 16, localCount: 1 },
  data: { batchSize: 8, workers: 0 },
  log: { everySteps: 1 },
});

let folder: string;
const stages: string[] = [];
const watcher = { progress: (stage: string) => void stages.push(stage), note: () => {} };
const demo = (out: string) => runDemo({ emoji, recipe, seeds: [5, 6], out, engine: "wasm", watcher });

beforeAll(async () => {
  await useBackend({ name: "wasm", threads: 1 });
  folder = await mkdtemp(join(tmpdir(), "demo-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe("a seed's split", () => {
  it("has every picture on one side, every category on both, and no concept on both", async () => {
    const all = (await listEmoji()).filter(({ skinTone }) => !skinTone);
    const { manifest, trainImages } = await writeSplit(all, join(folder, "split"), 0);
    const { train, test } = await openTask(manifest);
    const concepts = { train: new Set(train.column!("group")), test: new Set(test.column!("group")) };

    expect(train.length + test.length).toBe(all.length);
    expect([...concepts.test].filter((concept) => concepts.train.has(concept))).toEqual([]);
    expect(train.classNames).toHaveLength(9);
    expect(test.length / all.length).toBeGreaterThan(0.28);
    expect(test.length / all.length).toBeLessThan(0.32);
    for (const side of [train, test]) {
      expect(new Set(Array.from({ length: side.length }, (_, i) => side.label(i))).size).toBe(9);
    }

    const pretraining = await openDataset(trainImages);
    expect(pretraining.length).toBe(train.length);
    expect(pretraining.classNames).toBeUndefined();
  });

  it("is the same for the same seed and another for another", async () => {
    const read = async (out: string, seed: number) => readFile((await writeSplit(emoji, join(folder, out), seed)).manifest, "utf8");
    expect(await read("a", 1)).toBe(await read("b", 1));
    expect(await read("a", 1)).not.toBe(await read("a", 2));
  });
});

describe("prepared pictures", () => {
  it("are small, opaque and on white", async () => {
    const out = join(folder, "pictures");
    await prepareImages(emoji.slice(0, 3), out);
    const { decodeImage } = await import("@dinov2/data");
    const image = await decodeImage(join(out, "images", `${emoji[0]!.id}.png`));
    expect([image.width, image.height]).toEqual([64, 64]);
    expect([...image.data.subarray(0, 3)]).toEqual([255, 255, 255]);
  });
});

describe("a miniature demo", () => {
  let result: DemoResult;
  let tensorsLeft: number;
  beforeAll(async () => {
    const before = tf.memory().numTensors;
    result = await demo(join(folder, "run"));
    tensorsLeft = tf.memory().numTensors - before;
  });

  it("measures pixels, the untrained and the trained network for every seed", () => {
    expect(result.seeds.map(({ seed }) => seed)).toEqual([5, 6]);
    for (const { accuracy } of result.seeds) {
      const shares = [accuracy.pixels, accuracy.commonest, ...Object.values(accuracy.untrained), ...Object.values(accuracy.trained)];
      expect(shares).toHaveLength(8);
      for (const share of shares) expect(share).toBeGreaterThanOrEqual(0);
      for (const share of shares) expect(share).toBeLessThanOrEqual(1);
    }
  });

  it("says how far it is, stage by stage", () => {
    expect([...new Set(stages)]).toEqual(["preparing pictures", "training, seed 5", "training, seed 6"]);
  });

  it("leaves its results and one page that loads nothing from elsewhere", async () => {
    expect(JSON.parse(await readFile(join(result.out, "results.json"), "utf8"))).toEqual(result);
    const page = await readFile(join(result.out, result.report), "utf8");
    expect(page).toContain("Nearest neighbours, before and after training");
    expect(page).not.toMatch(/(src|href)="(?!data:|#)/);
  });

  it("ends with words that fit a terminal of 80 columns", () => {
    expect(Math.max(...accuracyTable(result).split("\n").map((line) => line.length))).toBeLessThanOrEqual(80);
    expect(describeResult(result)).toContain("npx dinov2 benchmark knn --model");
  });

  it("leaves no tensor behind", () => {
    expect(tensorsLeft).toBe(0);
  });

  it("refuses a folder that holds something, and leaves it alone", async () => {
    await writeFile(join(result.out, "mine.txt"), "");
    await expect(demo(result.out)).rejects.toThrow("is not empty");
  });
});
