// Models of one and of five channels, from files to a checkpoint that a run goes on from.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Batch, createLoader, openDataset } from "@dinov2/data";
import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { disposeBatch, toTensors } from "./batch.ts";
import { loaderOptions } from "./loader-options.ts";
import { readMetrics } from "./metrics-log.ts";
import { pretrain, type PretrainOptions } from "./pretrain.ts";
import { pretrainStep, stepGradients } from "./pretrain-step.ts";
import { temporaryFolder } from "./testing-folder.ts";
import { tinyRecipe, writeImages } from "./testing.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";

const [side, bands] = [24, 5];

/** Eight-bit bands, packed pixel by pixel in one strip, the first of them called grey (TIFF 6.0). */
function bandsTiff(pixels: Uint8Array): Buffer {
  const [short, long] = [3, 4];
  const fieldCount = 10;
  const listsAt = 8 + 2 + 12 * fieldCount + 4;
  const [bitsAt, extraAt, pixelsAt] = [listsAt, listsAt + 2 * bands, listsAt + 4 * bands];
  const fields: [tag: number, type: number, count: number, valueOrPlace: number][] = [
    [256, short, 1, side],
    [257, short, 1, side],
    [258, short, bands, bitsAt],
    [259, short, 1, 1], // not compressed
    [262, short, 1, 1], // grey, black is 0
    [273, long, 1, pixelsAt],
    [277, short, 1, bands],
    [278, short, 1, side],
    [279, long, 1, pixels.length],
    [338, short, bands - 1, extraAt], // the other bands are unnamed: zeros
  ];
  const header = Buffer.alloc(pixelsAt);
  header.write("II*\0", "latin1");
  header.writeUInt32LE(8, 4);
  header.writeUInt16LE(fields.length, 8);
  fields.forEach(([tag, type, count, valueOrPlace], i) => {
    const at = 10 + 12 * i;
    header.writeUInt16LE(tag, at);
    header.writeUInt16LE(type, at + 2);
    header.writeUInt32LE(count, at + 4);
    header.writeUInt32LE(valueOrPlace, at + 8);
  });
  for (let band = 0; band < bands; band++) header.writeUInt16LE(8, bitsAt + 2 * band);
  return Buffer.concat([header, pixels]);
}

async function writeBands(folder: string, count: number): Promise<void> {
  const random = RandomStream.fromSeed(count);
  for (let i = 0; i < count; i++) {
    const slopes = Array.from({ length: bands }, () => random.integer(9));
    const pixels = Uint8Array.from({ length: side * side * bands }, (_, at) => {
      const pixel = Math.floor(at / bands);
      return (slopes[at % bands]! * ((pixel % side) + Math.floor(pixel / side)) + random.integer(20)) % 256;
    });
    await writeFile(join(folder, `image-${i}.tif`), bandsTiff(pixels));
  }
}

describe.each([
  [1, writeImages, { mean: [0.4], std: [0.2] }],
  [bands, writeBands, { mean: [0.1, 0.2, 0.3, 0.4, 0.5], std: [0.3, 0.3, 0.2, 0.2, 0.1] }],
] as const)("a model of %i channels", (channels, writeFiles, { mean, std }) => {
  const recipe = tinyRecipe({
    data: { channels, mean: [...mean], std: [...std] },
    model: { depth: 2, dropPathRate: 0.2 },
    schedule: { steps: 6 },
  });
  let images = "";
  const run = (out: string, more: Partial<PretrainOptions> = {}) => pretrain({ recipe, data: images, out, ...more });

  beforeAll(async () => {
    await useBackend({ name: "wasm", threads: 1 });
    images = await temporaryFolder();
    await writeFiles(images, 8);
  });

  it("learns from a batch of the loader, through each of its channels", async () => {
    const loader = createLoader(loaderOptions(recipe, await openDataset(images), 0, () => {}));
    const { value: loaded } = (await loader[Symbol.asyncIterator]().next()) as { value: Batch };
    await loader.close();
    expect(loaded.globalCrops.shape).toEqual([8, channels, 16, 16]);
    expect(loaded.localCrops.shape).toEqual([8, channels, 8, 8]);

    const batch = toTensors(loaded);
    const state = createTrainingState(recipe);
    const random = RandomStream.fromSeed(1);
    const at = { learningRate: 0.005, lastLayerLearningRate: 0.005, weightDecay: 0.04, teacherMomentum: 1, teacherTemperature: 0.05 };
    const ofEachChannel = tf.tidy(() => {
      const gradient = stepGradients(state, batch, at, recipe, random).gradients.get("backbone.patch_embed.proj.weight")!;
      expect(gradient.shape).toEqual([12, channels, 4, 4]);
      return [...tf.max(tf.abs(gradient), [0, 2, 3]).dataSync()];
    });
    for (const largest of ofEachChannel) expect(largest).toBeGreaterThan(1e-6);

    const losses: number[] = [];
    for (let step = 0; step < 40; step++) losses.push((await pretrainStep(state, batch, at, recipe, random)).total_loss!);
    expect(losses.every(Number.isFinite)).toBe(true);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.5);
    disposeBatch(batch);
    disposeTrainingState(state);
  });

  it("goes on from its checkpoint as if it had not stopped", async () => {
    const [whole, halved] = [await temporaryFolder(), await temporaryFolder()];
    await run(whole);
    const stop = new AbortController();
    await run(halved, { signal: stop.signal, onStep: ({ step }) => step === 3 && stop.abort() });
    expect(await run(halved, { resume: true })).toMatchObject({ step: 6, finished: true });
    const file = (folder: string, name: string) => readFile(join(folder, "checkpoints", "step-0000006", `${name}.safetensors`));
    for (const name of ["student", "teacher", "optimizer"]) expect(await file(halved, name)).toEqual(await file(whole, name));
    const records = await readMetrics(join(halved, "metrics.jsonl"));
    expect(records.map(({ total_loss }) => Number.isFinite(total_loss))).toEqual(Array(6).fill(true));
  });

});
