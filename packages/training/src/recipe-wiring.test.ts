// Every setting of a recipe reaches the part that it is for: each has a value here that is not its default.

import { join } from "node:path";
import { tf, useBackend } from "@dinov2/tensor";
import { expect, it } from "vitest";
import { loaderOptions } from "./loader-options.ts";
import { backboneConfig, namedParameters } from "./network.ts";
import { pretrain } from "./pretrain.ts";
import { parseRecipe, type Recipe, recipeKeys } from "./recipe.ts";
import { tinyRecipe, writeImages } from "./testing.ts";
import { temporaryFolder } from "./testing-folder.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";
import { RunWatch, type WatchEvent } from "./watch/run-watch.ts";

it("the loader gets the crops, the masks and the data settings", () => {
  const bands = { channels: 2, mean: [0.1, 0.2], std: [0.3, 0.4], fullScale: 4095 };
  const recipe = parseRecipe({
    model: { patchSize: 8 },
    crops: {
      globalSize: 48,
      localSize: 24,
      localCount: 3,
      globalScale: [0.4, 0.9],
      localScale: [0.1, 0.2],
      blurSemantics: "paper",
      blurSigma: [0.2, 0.3],
      jitterProbability: 0.7,
      solarizeProbability: 0.6,
      brightness: 0.8,
      contrast: 0.7,
      saturation: 0.3,
      hue: 0.4,
    },
    masking: { probability: 0.25, ratio: [0.2, 0.3], exactCount: true },
    data: { batchSize: 5, workers: 3, pixelLimit: 9999, maxSkippedShare: 0.3, cacheMebibytes: 2, shuffleMebibytes: 3, ...bands },
    seed: 11,
  });
  const dataset = { length: 0, name: () => "", label: () => undefined, source: () => "" };
  const onSkip = () => {};
  expect(loaderOptions(recipe, dataset, 7, onSkip)).toEqual({
    dataset,
    onSkip,
    startStep: 7,
    seed: 11,
    batchSize: 5,
    workers: 3,
    pixelLimit: 9999,
    maxSkippedShare: 0.3,
    fullScale: 4095,
    shuffleBytes: 3 * 2 ** 20,
    cacheBytes: 2 * 2 ** 20,
    multiCrop: {
      globalSize: 48,
      localSize: 24,
      localCount: 3,
      globalScale: [0.4, 0.9],
      localScale: [0.1, 0.2],
      blurSemantics: "paper",
      blurSigma: [0.2, 0.3],
      jitterProbability: 0.7,
      solarizeProbability: 0.6,
      brightness: 0.8,
      contrast: 0.7,
      saturation: 0.3,
      hue: 0.4,
      mean: [0.1, 0.2],
      standardDeviation: [0.3, 0.4],
    },
    masking: { patchSize: 8, maskProbability: 0.25, maskRatio: [0.2, 0.3], exactCount: true },
  });
});

it("the backbone gets the model settings, and position embeddings for global crops", () => {
  const recipe = parseRecipe({
    model: {
      size: "small",
      embedDim: 24,
      depth: 4,
      numHeads: 3,
      patchSize: 8,
      ffnLayer: "swiglu",
      layerScale: 0.5,
      registerTokens: 2,
      dropPathRate: 0.25,
      dropPathUniform: false,
      blockChunks: 2,
      qkvBias: false,
      projBias: false,
      ffnBias: false,
      interpolateAntialias: true,
      interpolateOffset: 0,
    },
    crops: { globalSize: 48, localSize: 24 },
    data: { channels: 5 },
  });
  expect(backboneConfig(recipe)).toMatchObject({
    imageSize: 48,
    inChannels: 5,
    embedDim: 24,
    depth: 4,
    numHeads: 3,
    patchSize: 8,
    ffnLayer: "swiglu",
    initValues: 0.5,
    numRegisterTokens: 2,
    dropPathRate: 0.25,
    dropPathUniform: false,
    blockChunks: 2,
    qkvBias: false,
    projBias: false,
    ffnBias: false,
    interpolateAntialias: true,
    interpolateOffset: 0,
  });
});

it("the optimiser gets its settings, and the parameters their shares of the learning rate", async () => {
  await useBackend({ name: "cpu" });
  const optimizer = { beta1: 0.5, beta2: 0.75, epsilon: 0.5, layerwiseDecay: 0.5, patchEmbedMultiplier: 0.3 };
  const state = createTrainingState(tinyRecipe({ optimizer, model: { depth: 2 } }));
  const multiplier = (name: string) => state.groups.get(name)!.learningRateMultiplier;
  expect(multiplier("backbone.blocks.1.attn.qkv.bias")).toBe(0.5);
  expect(multiplier("backbone.patch_embed.proj.bias")).toBeCloseTo(0.3 * 0.5 ** 3, 12);

  const name = "backbone.norm.weight"; // ones
  state.optimizer.apply(new Map([[name, tf.fill([12], 2)]]), { learningRate: () => 1, weightDecay: () => 0 });
  const { tensors } = await state.optimizer.exportState();
  expect(tensors[`${name}.exp_avg`]!.data[0]).toBe(1); // (1 - beta1) · 2
  expect(tensors[`${name}.exp_avg_sq`]!.data[0]).toBe(1); // (1 - beta2) · 2²
  expect(namedParameters(state.student).get(name)!.dataSync()[0]).toBeCloseTo(1 - 2 / (2 + 0.5), 6);
  disposeTrainingState(state);
});

/** The same recipe, which notes the keys that are read; to be written out as JSON reads none. */
function observed<T extends object>(part: T, read: Set<string>, prefix = ""): T {
  return new Proxy(part, {
    get(target, name) {
      if (name === "toJSON") return () => target;
      const value: unknown = Reflect.get(target, name);
      if (typeof name !== "string") return value;
      const isSection = typeof value === "object" && value !== null && !Array.isArray(value);
      if (isSection) return observed(value, read, `${prefix}${name}.`);
      read.add(prefix + name);
      return value;
    },
  });
}

it("a run reads every key there is, in one of its ways", async () => {
  await useBackend({ name: "cpu" });
  const images = await temporaryFolder();
  for (const label of ["one", "other"]) await writeImages(join(images, label), 8);
  const read = new Set<string>();
  const run = async (recipe: Recipe) =>
    pretrain({ recipe: observed(recipe, read), data: images, out: join(await temporaryFolder(), "run") });

  await run(tinyRecipe({ schedule: { steps: 2 }, checkpoint: { everySteps: 1, keep: 1 }, watch: { knnEverySteps: 1 } }));
  const head = { prototypes: 16, layers: 2, hiddenDim: 16, bottleneckDim: 8 };
  const heads = { dino: head, ibot: { separate: true, ...head } };
  await run(tinyRecipe({ schedule: { steps: 1, warmupSteps: 0 }, teacher: { targets: "sinkhorn-knopp" }, heads }));
  const explodes = { optimizer: { learningRate: 1e30 }, schedule: { warmupSteps: 0 } };
  await expect(run(tinyRecipe(explodes))).rejects.toThrow("total_loss");
  // What is tested between steps is the app's matter: `apps/pretrain/src/knn-evaluation.ts`.
  const ofTheApp = ["watch.knnTrain", "watch.knnTest", "watch.knnImages"];
  expect(recipeKeys.filter((key) => !read.has(key))).toEqual(ofTheApp);
});

it("the watch gets how many steps to bear, and what a spike is", async () => {
  const events: string[] = [];
  const recipe = tinyRecipe({ watch: { maxNonFiniteSteps: 2, spikeWindow: 4, spikeThreshold: 30, skipSpikes: true } });
  const onEvent = ({ message }: WatchEvent) => Promise.resolve(void events.push(message));
  const watch = new RunWatch({ recipe, headsAreRandom: false, onEvent });
  for (let step = 1; step <= 2; step++) await watch.afterStep(step, { total_loss: 10 }, []);
  // A deviation counts as at least 1 % of the median: 30 of them are 3.
  expect([12.9, 13.1].map((total_loss) => watch.mayUpdate({ total_loss }))).toEqual([true, false]);
  await watch.afterStep(3, { total_loss: NaN }, []);
  expect(events.at(-1)).toMatch(/the run stops at 2/);
});
