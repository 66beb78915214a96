import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { useBackend } from "@dinov2/tensor";
import { beforeAll, expect, it } from "vitest";
import { MetricsLog, readMetrics } from "./metrics-log.ts";
import { collatedNoise, tinyRecipe } from "./testing.ts";
import { trainLoop } from "./train-loop.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";

beforeAll(() => useBackend({ name: "wasm" }));

/** Losses of three steps on one batch in which nothing is learned: they differ only by what a step draws. */
async function lossesOfOneBatch(dropPathRate: number): Promise<Set<number>> {
  const recipe = tinyRecipe({
    model: { depth: 2, dropPathRate, layerScale: 1 },
    optimizer: { learningRate: 1e-30, finalLearningRate: 0 },
    teacher: { targets: "sinkhorn-knopp", momentum: 1, startTemperature: 0.05, temperature: 0.05 },
    schedule: { steps: 3, warmupSteps: 0 },
  });
  const path = join(await mkdtemp(join(tmpdir(), "loop-")), "metrics.jsonl");
  const stats = { batches: 0, images: 0, waitedSeconds: 0, imagesPerSecond: 0, skippedImages: 0 };
  const state = createTrainingState(recipe);
  const metrics = await MetricsLog.open(path, 0, () => {});
  await trainLoop({
    recipe,
    state,
    batches: (async function* () {
      for (;;) yield collatedNoise(recipe);
    })(),
    loader: { stats: () => stats },
    metrics,
    startStep: 0,
    saveCheckpoint: () => Promise.resolve(),
  });
  disposeTrainingState(state);
  await metrics.close();
  return new Set((await readMetrics(path)).map(({ total_loss }) => total_loss!));
}

it("stochastic depth draws anew in every step", async () => {
  expect((await lossesOfOneBatch(0)).size).toBe(1);
  expect((await lossesOfOneBatch(0.5)).size).toBe(3);
});
