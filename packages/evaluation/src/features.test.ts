import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ImageDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { vitConfig, VisionTransformer } from "@dinov2/vit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluationSizes, pixelBackbone, vitBackbone } from "./backbone.ts";
import type { Measurement } from "./evaluator.ts";
import { extractFeatures, extractLabelled } from "./features.ts";
import type { LabelledFeatures } from "./feature-matrix.ts";
import { knnEvaluator } from "./knn-evaluator.ts";
import { augmentedBatches } from "./linear-batches.ts";
import { linearEvaluator, type LinearEvaluatorOptions } from "./linear-evaluator.ts";
import { linearInputs } from "./linear-inputs.ts";

let folder: string;
let vit: VisionTransformer;

/** An uncompressed RGB TIFF: its directory of (tag, type, count, value), then the bits of a sample, then the pixels. */
function tiff(width: number, height: number, pixels: Uint8Array): Buffer {
  const entries = [
    [256, 4, 1, width],
    [257, 4, 1, height],
    [258, 3, 3, 122], // bits of each sample, at byte 122
    [259, 3, 1, 1],
    [262, 3, 1, 2],
    [273, 4, 1, 128], // the pixels, at byte 128
    [277, 3, 1, 3],
    [278, 4, 1, height],
    [279, 4, 1, pixels.length],
  ] as const;
  const header = Buffer.alloc(128);
  header.write("II*\0");
  header.writeUInt32LE(8, 4);
  header.writeUInt16LE(entries.length, 8);
  entries.forEach(([tag, type, count, value], i) => {
    header.writeUInt16LE(tag, 10 + 12 * i);
    header.writeUInt16LE(type, 12 + 12 * i);
    header.writeUInt32LE(count, 14 + 12 * i);
    header.writeUInt32LE(value, 18 + 12 * i);
  });
  [8, 8, 8].forEach((bits, i) => header.writeUInt16LE(bits, 122 + 2 * i));
  return Buffer.concat([header, pixels]);
}

/** `count` pictures in two classes, red and blue with noise; file number `spoilt` is no picture. */
async function pictures(name: string, count: number, spoilt = -1): Promise<ImageDataset> {
  const random = RandomStream.fromSeed(1).split(name);
  for (let i = 0; i < count; i++) {
    const pixels = Uint8Array.from({ length: 3 * 20 * 16 }, (_, byte) => (byte % 3 === (i % 2) * 2 ? 200 : 40) + random.integer(40));
    const content = i === spoilt ? "nothing" : tiff(20, 16, pixels);
    await writeFile(join(folder, `${name}-${i}.tiff`), content);
  }
  return {
    length: count,
    classNames: ["red", "blue"],
    name: (i) => `${name}-${i}`,
    label: (i) => i % 2,
    source: (i) => join(folder, `${name}-${i}.tiff`),
  };
}

beforeAll(async () => {
  await useBackend({ name: "cpu" });
  folder = await mkdtemp(join(tmpdir(), "dinov2-evaluation-"));
  const config = vitConfig("tiny", { imageSize: 16, patchSize: 8, embedDim: 16, depth: 1, numHeads: 2 });
  vit = VisionTransformer.create(config, RandomStream.fromSeed(3));
});
afterAll(() => rm(folder, { recursive: true }));

describe("extractFeatures", () => {
  it("gives the same rows in batches of any size, in the dataset's order", async () => {
    const dataset = await pictures("batches", 7);
    const backbone = vitBackbone("fresh", vit);
    const [one, three] = await Promise.all([1, 3].map((batchSize) => extractFeatures(backbone, dataset, { batchSize })));
    expect([...three!.rows]).toEqual([0, 1, 2, 3, 4, 5, 6]);
    const worst = one!.features.values.reduce((most, x, i) => Math.max(most, Math.abs(x - three!.features.values[i]!)), 0);
    expect(worst).toBeLessThan(1e-5); // float32 rounding
  });

  it("leaves out a file that is no picture, and says which", async () => {
    const dataset = await pictures("spoilt", 12, 5);
    const skipped: string[] = [];
    const { features, rows } = await extractFeatures(pixelBackbone(4), dataset, { batchSize: 4, skipped: (name) => skipped.push(name) });
    expect([...rows]).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]);
    expect([features.count, features.values.length]).toEqual([11, 11 * 48]);
    expect(skipped).toEqual(["spoilt-5"]);
  });

  it("keeps each row's own class when a file before it is left out", async () => {
    const dataset = await pictures("labelled", 12, 4);
    const { features, labels } = await extractLabelled(pixelBackbone(4), dataset, "train");
    expect([...labels]).toEqual([0, 1, 0, 1, 1, 0, 1, 0, 1, 0, 1]);
    expect(features.count).toBe(11);
  });

  it("leaves no tensor behind", async () => {
    const dataset = await pictures("tensors", 4);
    const before = tf.memory().numTensors;
    await extractFeatures(vitBackbone("fresh", vit), dataset, { batchSize: 2 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("evaluationSizes", () => {
  it("is the official 256 and 224 for a released model, and in proportion for a smaller one", () => {
    expect(evaluationSizes({ imageSize: 518, patchSize: 14 })).toEqual({ cropSize: 224, resizeSize: 256 });
    expect(evaluationSizes({ imageSize: 48, patchSize: 8 })).toEqual({ cropSize: 48, resizeSize: 55 });
  });

  it("refuses a size that is no whole number of patches, and names the nearest", () => {
    expect(() => evaluationSizes({ imageSize: 518, patchSize: 14 }, { cropSize: 225 })).toThrow("use --size 224");
  });
});

describe("knnEvaluator", () => {
  async function run(seed: number): Promise<Measurement[]> {
    const task = { train: await pictures("train", 16), test: await pictures("test", 6) };
    const evaluator = knnEvaluator({ ks: [1, 4], perClass: [3], tries: 2 });
    const measurements: Measurement[] = [];
    for await (const measurement of evaluator.run(pixelBackbone(4), { task, seed })) measurements.push(measurement);
    return measurements;
  }

  it("measures each k by all images, and by a few of each class with that number among the ks", async () => {
    const measurements = await run(0);
    const names = ["k1", "k4", "n3.k1", "n3.k3"].flatMap((row) => [`${row}.top1`, `${row}.top5`, `${row}.mean_per_class`]);
    expect(measurements.map(({ metric }) => metric)).toEqual(names);
    expect(measurements.every(({ value }) => value === 1)).toBe(true); // red and blue, whatever is drawn
  });

  it("averages a few-shot score over draws that differ", async () => {
    // Classes that say nothing about the picture: which one is nearest depends on what was drawn.
    const mixed = { ...(await pictures("mixed", 16)), label: (i: number) => Math.floor(i / 2) % 2 };
    const context = { task: { train: mixed, test: await pictures("test", 2) }, seed: 0 };
    const evaluator = knnEvaluator({ ks: [1], perClass: [1], tries: 6 });
    const scores = new Map<string, number>();
    for await (const { metric, value } of evaluator.run(pixelBackbone(4), context)) scores.set(metric, value);
    // One draw gets none, one or both of two test images right; so does the mean of six equal ones.
    expect([0, 0.5, 1]).not.toContain(scores.get("n1.k1.top1"));
  });
});

describe("linearInputs", () => {
  it("has the class token after the final norm as one block's columns, whatever other blocks are there", () => {
    const deep = VisionTransformer.create({ ...vit.config, depth: 3 }, RandomStream.fromSeed(5));
    const { backbone, inputs } = linearInputs(vitBackbone("deep", deep), { blocks: [1, 3, 4] });
    expect(inputs.map(({ name, start, width }) => [name, start, width])).toEqual([
      ["b1", 32, 16], ["b1.avg", 32, 32], ["b3", 0, 48], ["b3.avg", 0, 64], // of 3 class tokens and a mean, 16 wide each
    ]);
    const worst = tf.tidy(() => {
      const images = tf.randomNormal([2, 3, 16, 16], 0, 1, "float32", 1) as tf.Tensor4D;
      const ofOneBlock = tf.slice2d(backbone.imageFeatures(images), [0, 32], [2, 16]);
      return tf.max(tf.abs(tf.sub(ofOneBlock, deep.forward(images)))).dataSync()[0];
    });
    expect(worst).toBeLessThan(1e-5); // float32 rounding
    deep.dispose();
  });
});

describe("linearEvaluator", () => {
  async function run(options: LinearEvaluatorOptions, selectionImages?: Int32Array): Promise<Measurement[]> {
    const task = { train: await pictures("train", 16), test: await pictures("test", 6), ...(selectionImages && { selectionImages }) };
    const evaluator = linearEvaluator({ steps: 60, trainBatch: 8, learningRates: [1e-6, 0.5], ...options });
    const measurements: Measurement[] = [];
    for await (const measurement of evaluator.run(vitBackbone("fresh", vit), { task, seed: 0 })) measurements.push(measurement);
    return measurements;
  }

  it("reports the best head on the test images, says which it is, and reports all", async () => {
    const [top1, top5, ...heads] = await run({});
    const value = new Map(heads.map((head) => [head.metric, head.value]));
    expect([...value.keys()].filter((metric) => metric.endsWith("top1"))).toEqual(
      ["b1.lr0.000001", "b1.lr0.5", "b1.avg.lr0.000001", "b1.avg.lr0.5"].map((head) => `linear.${head}.top1`));
    const selected = /^head (\S+), the best of 4 on the test images themselves$/.exec(top1!.note!)![1]!;
    expect([top1!.value, top5!.value]).toEqual([value.get(`linear.${selected}.top1`), 1]);
    expect(top1!.value).toBe(Math.max(...[...value].filter(([metric]) => metric.endsWith("top1")).map(([, share]) => share)));
  });

  it("selects by held-out training images alone, when asked", async () => {
    const measurements = await run({ selectOn: "held-out", heldOutShare: 0.25 });
    const heldOut = measurements.filter(({ metric }) => metric.endsWith(".heldout"));
    const best = heldOut.reduce((most, one) => (one.value > most.value ? one : most));
    expect(heldOut.length).toBe(4);
    expect(measurements[0]!.note).toBe(`head ${best.metric.slice("linear.".length, -".heldout".length)}, the best of 4 on training images held out`);
  });

  it("selects by the images that a set names for it, and says so", async () => {
    const [top1] = await run({ selectOn: "held-out" }, Int32Array.of(0, 1, 8, 9));
    expect(top1!.note).toMatch(/the best of 4 on the set's own images to select on$/);
  });

  it("learns from random crops too, as the official code does", async () => {
    const [top1] = await run({ features: "augmented", steps: 100 });
    expect(top1!.value).toBe(1); // red and blue, whatever is cropped
  });

  it.each(["once", "augmented"] as const)("leaves no tensor behind, features taken %s", async (features) => {
    const before = tf.memory().numTensors;
    await run({ features, steps: 2 });
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("augmentedBatches", () => {
  it("gives rows whose classes are those of their images, the same in forwards of any size", async () => {
    const dataset = await pictures("crops", 9, 3); // one of them is no picture: another takes its place
    const take = async (batchSize: number) => {
      const batches: LabelledFeatures[] = [];
      for await (const batch of augmentedBatches(pixelBackbone(4), dataset, 6, { seed: 2, batchSize })) {
        if (batches.push(batch) === 3) return batches;
      }
      throw new Error("The batches came to an end.");
    };
    const [whole, parts] = await Promise.all([take(6), take(4)]);
    expect(parts).toEqual(whole);
    for (const { features, labels } of whole) {
      // The mean of the red plane and of the blue one say which class a crop is of.
      const mean = (values: Float32Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
      labels.forEach((label, row) => {
        const pixels = features.values.subarray(row * 48, (row + 1) * 48);
        expect(mean(pixels.subarray(0, 16)) > mean(pixels.subarray(32)) ? 0 : 1).toBe(label);
      });
    }
    expect(whole[0]!.features.values).not.toEqual(whole[2]!.features.values);
  });
});
