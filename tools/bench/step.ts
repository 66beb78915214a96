// Time of whole training steps on the engine that `auto` takes (DINOV2_BACKEND chooses another), on batches of noise:
// teacher, student forward and backward, losses, clipping, AdamW, moving average. Loading is the augment bench's matter.

import { median } from "@dinov2/foundation";
import { backendFromEnvironment, linear, RandomStream, tf, useBackend } from "@dinov2/tensor";
import {
  createSchedules,
  createTrainingState,
  disposeBatch,
  disposeTrainingState,
  loadRecipe,
  parseRecipe,
  pretrainStep,
  type Recipe,
  stepFlops,
} from "@dinov2/training";
import type { BenchReport, BenchRow } from "./measure.ts";
import { noiseBatch } from "./noise-batch.ts";

export interface StepBenchOptions {
  readonly rounds?: number;
}

export async function run({ rounds = 7 }: StepBenchOptions = {}): Promise<BenchReport> {
  const backend = await useBackend(backendFromEnvironment());
  // The one that the demo runs, and the published small backbone with the short recipe's head. Without stochastic
  // depth, so that the operations counted are those that run.
  const demo = await loadRecipe("vitti8-demo");
  const small = parseRecipe({
    model: { size: "small", patchSize: 14, dropPathRate: 0 },
    crops: { localSize: 98 },
    data: { batchSize: 2 },
  });
  const steps = [
    await measure("vitti8-demo", demo, rounds),
    await measure("ViT-S/14, 2 × 224 + 8 × 98, 65,536 prototypes", small, Math.min(rounds, 3)),
  ];
  // Measured last: by now the engine is compiled and its memory is there, as for the steps.
  const peak = productFlopsPerSecond();
  const rows = steps.flatMap((step) => rowsOf(step, peak));
  return { bench: "step", versions: { backend: backend.name, engine: backend.engine }, rows };
}

/** The fastest that the engine multiplies matrices of a ViT's sizes, by itself: what a step is measured against. */
function productFlopsPerSecond(): number {
  // The first feed-forward layer of ViT-S over 16 images.
  const [rows, width, hidden] = [4112, 384, 1536];
  const x = tf.randomNormal([rows, width]) as tf.Tensor2D;
  const weight = tf.randomNormal([hidden, width]) as tf.Tensor2D;
  let best = Infinity;
  for (let round = 0; round < 20; round++) {
    const start = performance.now();
    const product = linear(x, weight);
    product.dataSync();
    best = Math.min(best, (performance.now() - start) / 1000);
    product.dispose();
  }
  tf.dispose([x, weight]);
  return (2 * rows * width * hidden) / best;
}

interface MeasuredStep {
  readonly name: string;
  readonly recipe: Recipe;
  /** Median. */
  readonly seconds: number;
}

async function measure(name: string, recipe: Recipe, rounds: number): Promise<MeasuredStep> {
  const state = createTrainingState(recipe);
  const batch = noiseBatch(recipe);
  const settings = createSchedules(recipe)(recipe.schedule.warmupSteps);
  const random = RandomStream.fromSeed(0);
  const seconds: number[] = [];
  try {
    // Round 0 warms up.
    for (let round = 0; round <= rounds; round++) {
      const start = performance.now();
      await pretrainStep(state, batch, settings, recipe, random.split(round));
      if (round > 0) seconds.push((performance.now() - start) / 1000);
    }
  } finally {
    disposeBatch(batch);
    disposeTrainingState(state);
  }
  return { name, recipe, seconds: median(seconds) };
}

function rowsOf({ name, recipe, seconds }: MeasuredStep, peak: number): BenchRow[] {
  const shareOfPeak = stepFlops(recipe) / seconds / peak;
  const { batchSize } = recipe.data;
  return [
    row(`${name}, batch ${batchSize}: speed`, "images/s", batchSize / seconds, shareOfPeak),
    row(`${name}, batch ${batchSize}: time`, "ms/step", 1000 * seconds, shareOfPeak),
  ];
}

const row = (name: string, unit: string, ours: number, shareOfPeak: number): BenchRow => ({
  name,
  unit,
  ours,
  peer: null,
  peerName: "nobody",
  ratio: null,
  shareOfPeak,
  note: "`-- train-step` has the official code beside it.",
});
