import type { Batch } from "@dinov2/data";
import { tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import type { CheckpointMetric } from "./checkpoint.ts";
import type { MetricsRecord } from "./metrics-log.ts";
import type { Recipe } from "./recipe.ts";
import type { RunEvaluation } from "./run-evaluation.ts";
import { collatedNoise, tinyRecipe } from "./testing.ts";
import { trainLoop } from "./train-loop.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";
import { NonFiniteStepsError } from "./watch/non-finite.ts";
import { RunWatch, type WatchEvent } from "./watch/run-watch.ts";

beforeAll(() => useBackend({ name: "wasm" }));

interface Told {
  readonly records: MetricsRecord[];
  readonly events: WatchEvent[];
  readonly saved: { step: number; metric?: CheckpointMetric | undefined }[];
}

/** Runs the loop on batches made from a step's number, and tells what it logged, said and saved. */
async function run(
  recipe: Recipe,
  { batchOf = () => collatedNoise(recipe), evaluation }: { batchOf?: (step: number) => Batch; evaluation?: RunEvaluation } = {},
): Promise<Told & { error: unknown }> {
  const told: Told = { records: [], events: [], saved: [] };
  const onEvent = (event: WatchEvent) => Promise.resolve(void told.events.push(event));
  const stats = { batches: 0, images: 0, waitedSeconds: 0, imagesPerSecond: 0, skippedImages: 0 };
  const state = createTrainingState(recipe);
  const error = await trainLoop({
    recipe,
    state,
    batches: (async function* () {
      for (let step = 1; ; step++) yield batchOf(step);
    })(),
    loader: { stats: () => stats, recycle: () => {} },
    log: (record) => Promise.resolve(told.records.push(record)),
    watch: new RunWatch({ recipe, headsAreRandom: true, onEvent }),
    startStep: 0,
    saveCheckpoint: (step, metric) => Promise.resolve(told.saved.push({ step, ...(metric && { metric }) })),
    ...(evaluation && { evaluation }),
  }).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  disposeTrainingState(state);
  return { ...told, error };
}

it("stochastic depth draws anew in every step", async () => {
  // On one batch of which nothing is learned losses differ only by what a step draws.
  const lossesOfOneBatch = async (dropPathRate: number) => {
    const recipe = tinyRecipe({
      model: { depth: 2, dropPathRate, layerScale: 1 },
      optimizer: { learningRate: 1e-30, finalLearningRate: 0 },
      teacher: { targets: "sinkhorn-knopp", momentum: 1, startTemperature: 0.05, temperature: 0.05 },
      schedule: { steps: 3, warmupSteps: 0 },
    });
    const { records } = await run(recipe);
    return new Set(records.map(({ total_loss }) => total_loss!));
  };
  expect((await lossesOfOneBatch(0)).size).toBe(1);
  expect((await lossesOfOneBatch(0.5)).size).toBe(3);
});

describe("a step that is not finite", () => {
  /** A batch with a pixel that is no number, under names of its own. */
  const broken = (recipe: Recipe): Batch => {
    const batch = collatedNoise(recipe);
    batch.globalCrops.data[7] = NaN;
    return { ...batch, sampleNames: batch.sampleNames.map((name) => `broken ${name}`) };
  };

  it("is skipped, counted, and said with its batch's files; the run goes on", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 6 }, efficiency: { accumulationSteps: 2 } });
    const before = tf.memory().numTensors;
    const { records, events, error } = await run(recipe, {
      batchOf: (step) => (step === 3 ? broken(recipe) : collatedNoise(recipe, step)),
    });
    expect(error).toBeUndefined();
    expect(events).toEqual([
      {
        step: 3,
        kind: "non-finite",
        message: expect.stringMatching(/^Step 3: skipped, .*total_loss is NaN.*\(1 in a row, the run stops at 3\)/) as string,
        files: ["broken noise 0", "broken noise 1", "broken noise 2", "broken noise 3"],
      },
    ]);
    expect(records.map(({ skipped_steps }) => skipped_steps)).toEqual([0, 0, 1, 1, 1, 1]);
    expect(records.map(({ total_loss }) => total_loss !== undefined)).toEqual([true, true, false, true, true, true]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("ends the run when there are too many in a row, with the reason and what to do", async () => {
    const recipe = tinyRecipe({ watch: { maxNonFiniteSteps: 2 }, checkpoint: { everySteps: 1 } });
    const before = tf.memory().numTensors;
    const { error, saved } = await run(recipe, { batchOf: (step) => (step === 2 || step > 3 ? broken(recipe) : collatedNoise(recipe)) });
    expect(error).toBeInstanceOf(NonFiniteStepsError);
    expect((error as Error).message).toMatch(/Step 5: .*2 steps in a row.*broken noise 0.*resume.*learningRate/s);
    // None after a step that was not finite.
    expect(saved).toEqual([{ step: 1 }, { step: 3 }]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("puts off the checkpoint that is due", async () => {
    const recipe = tinyRecipe({ checkpoint: { everySteps: 4 } });
    const { saved } = await run(recipe, { batchOf: (step) => (step === 4 ? broken(recipe) : collatedNoise(recipe)) });
    expect(saved.map(({ step }) => step)).toEqual([5, 8, 10]);
  });
});

describe("an evaluation", () => {
  const recipe = tinyRecipe({ schedule: { steps: 5 }, watch: { knnEverySteps: 2 }, log: { everySteps: 100 } });

  it("is made every so many steps and after the last, logged, and kept with a checkpoint of the step", async () => {
    let calls = 0;
    const measure = () => Promise.resolve({ knn_top1: 0.1 * ++calls, knn_top5: 1 });
    const { records, saved } = await run(recipe, { evaluation: { metric: "knn_top1", measure } });
    expect(records.map(({ step, knn_top1 }) => [step, knn_top1])).toEqual([[1, undefined], [2, 0.1], [4, 0.2], [5, 0.1 * 3]]);
    expect(saved.map(({ step, metric }) => [step, metric?.value])).toEqual([[2, 0.1], [4, 0.2], [5, 0.1 * 3]]);
  });

  it("that fails is said, and ends nothing", async () => {
    const measure = () => Promise.reject(new Error("No such file."));
    const { error, events, saved } = await run(recipe, { evaluation: { metric: "knn_top1", measure } });
    expect(error).toBeUndefined();
    expect(events.map(({ message }) => message)).toContain("Step 2: the evaluation failed: No such file. Training goes on.");
    expect(saved).toEqual([{ step: 4 }, { step: 5 }]);
  });
});
