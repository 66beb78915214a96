// The loop: batches in, steps, metrics and checkpoints out. It stops after the last step, when it is asked to,
// or when the loss is no longer a number. What one step does is in `pretrain-step.ts`.

import type { Batch, Loader } from "@dinov2/data";
import { RandomStream, tf } from "@dinov2/tensor";
import { disposeBatch, toTensors } from "./batch.ts";
import type { CheckpointMetric } from "./checkpoint.ts";
import type { MetricsLog, MetricsRecord } from "./metrics-log.ts";
import { pretrainStep } from "./pretrain-step.ts";
import type { Recipe } from "./recipe.ts";
import { createSchedules, type StepSettings } from "./schedules.ts";
import { splitBatch } from "./split-batch.ts";
import type { TrainingState } from "./training-state.ts";

export interface LoopOptions {
  readonly recipe: Recipe;
  readonly state: TrainingState;
  /** From step `startStep` on. */
  readonly batches: AsyncIterable<Batch>;
  /** Where the batches come from, for its counts. */
  readonly loader: Pick<Loader, "stats">;
  readonly metrics: MetricsLog;
  /** Steps done before. */
  readonly startStep: number;
  /** Writes a checkpoint after `step` steps, with what an evaluation of this step found, if there was one. */
  readonly saveCheckpoint: (step: number, metric?: CheckpointMetric) => Promise<unknown>;
  /** Called after each step. */
  readonly onStep?: (record: MetricsRecord) => void;
  /** Asks the loop to write a checkpoint and stop after the step it is in. */
  readonly signal?: AbortSignal;
}

/** Runs to the recipe's last step. @returns the steps done, fewer than the recipe's when `signal` was given */
export async function trainLoop(options: LoopOptions): Promise<{ step: number; last: MetricsRecord | undefined }> {
  const { recipe, state, batches, loader, metrics, startStep, signal } = options;
  const schedules = createSchedules(recipe);
  const stochasticDepth = RandomStream.fromSeed(recipe.seed).split("stochastic-depth");
  const { steps } = recipe.schedule;
  if (startStep >= steps) return { step: startStep, last: undefined };
  let step = startStep;
  let savedStep = startStep;
  let last: MetricsRecord | undefined;
  let stepStart = performance.now();

  for await (const batch of batches) {
    const waited = performance.now() - stepStart;
    const settings = schedules(step);
    const parts = splitBatch(batch, recipe.efficiency.accumulationSteps).map(toTensors);
    const measured = await pretrainStep(state, parts, settings, recipe, stochasticDepth.split(step));
    parts.forEach(disposeBatch);
    step += 1;
    const seconds = (performance.now() - stepStart) / 1000;
    last = {
      step,
      ...measured,
      ...describeSettings(settings),
      ...describeCost(seconds, waited / 1000, recipe, loader),
    };
    requireFinite(last, batch.sampleNames);
    if (step === 1 || step % recipe.log.everySteps === 0 || step === steps) await metrics.write(last);
    options.onStep?.(last);

    const stopping = step >= steps || signal?.aborted === true;
    if (stopping || step % recipe.checkpoint.everySteps === 0) {
      await options.saveCheckpoint(step);
      savedStep = step;
    }
    if (stopping) break;
    // A turn of the event loop, for signals and the loader's workers: on a CPU a step never waits for anything.
    await new Promise((resolve) => setImmediate(resolve));
    stepStart = performance.now();
  }
  // The batches ended while one was awaited: the run was asked to stop.
  if (savedStep < step) await options.saveCheckpoint(step);
  return { step, last };
}

const describeSettings = (settings: StepSettings) => ({
  learning_rate: settings.learningRate,
  last_layer_learning_rate: settings.lastLayerLearningRate,
  weight_decay: settings.weightDecay,
  teacher_momentum: settings.teacherMomentum,
  teacher_temperature: settings.teacherTemperature,
});

function describeCost(seconds: number, waited: number, recipe: Recipe, loader: LoopOptions["loader"]) {
  return {
    step_seconds: seconds,
    images_per_second: recipe.data.batchSize / seconds,
    /** Share of the step in which the model had no batch to work on. */
    data_wait_share: waited / seconds,
    tensor_bytes: tf.memory().numBytes,
    process_bytes: process.memoryUsage.rss(),
    skipped_images: loader.stats().skippedImages,
  };
}

/** A loss or gradient that is no number has already spoilt the weights: only an earlier checkpoint helps. */
function requireFinite(record: MetricsRecord, sampleNames: readonly string[]): void {
  const broken = Object.entries(record).filter(([, value]) => !Number.isFinite(value));
  if (broken.length === 0) return;
  const shown =
    sampleNames.slice(0, 8).join(", ") + (sampleNames.length > 8 ? `, and ${sampleNames.length - 8} more` : "");
  throw new Error(
    `Step ${record.step}: ${broken.map(([name, value]) => `${name} is ${value}`).join(", ")}. ` +
      `The run stops before it writes a checkpoint; its batch was: ${shown}. ` +
      "Look for odd images among them, or start a new run with a lower optimizer.learningRate.",
  );
}
