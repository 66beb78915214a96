// The loop: batches in, steps, metrics and checkpoints out. It stops after the last step, when it is asked to, or when the watch
// finds that there is no going on. What one step does is in `pretrain-step.ts`, what is watched in `watch/run-watch.ts`.

import type { Batch, Loader } from "@dinov2/data";
import { RandomStream, tf } from "@dinov2/tensor";
import { disposeBatch, toTensors } from "./batch.ts";
import type { CheckpointMetric } from "./checkpoint.ts";
import type { MetricsRecord } from "./metrics-log.ts";
import { pretrainStep } from "./pretrain-step.ts";
import type { Recipe } from "./recipe.ts";
import { createSchedules, type StepSettings } from "./schedules.ts";
import { splitBatch } from "./split-batch.ts";
import type { TrainingState } from "./training-state.ts";
import { evaluate, type RunEvaluation } from "./run-evaluation.ts";
import type { RunWatch } from "./watch/run-watch.ts";

export interface LoopOptions {
  readonly recipe: Recipe;
  readonly state: TrainingState;
  /** From step `startStep` on. */
  readonly batches: AsyncIterable<Batch>;
  /** Where the batches come from: for its counts, and to give their memory back to. */
  readonly loader: Pick<Loader, "stats" | "recycle">;
  /** Takes the measures of the steps that are logged. */
  readonly log: (record: MetricsRecord) => Promise<unknown>;
  readonly watch: RunWatch;
  /** Measures the teacher each `watch.knnEverySteps` steps, and after the last. */
  readonly evaluation?: RunEvaluation;
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
  const { recipe, state, batches, loader, startStep, watch, signal } = options;
  const schedules = createSchedules(recipe);
  const stochasticDepth = RandomStream.fromSeed(recipe.seed).split("stochastic-depth");
  const { steps } = recipe.schedule;
  if (startStep >= steps) return { step: startStep, last: undefined };
  const isDue = (step: number, every: number) => every > 0 && (step % every === 0 || step === steps);
  let step = startStep;
  let savedStep = startStep;
  let last: MetricsRecord | undefined;
  let stepStart = performance.now();

  for await (const batch of batches) {
    const waited = performance.now() - stepStart;
    const settings = schedules(step);
    const parts = splitBatch(batch, recipe.efficiency.accumulationSteps).map(toTensors);
    const measured = await pretrainStep(state, parts, settings, recipe, stochasticDepth.split(step), watch.mayUpdate);
    step += 1;
    const seconds = (performance.now() - stepStart) / 1000;
    const monitored = await watch.monitor(step, state, parts, settings.teacherTemperature);
    parts.forEach(disposeBatch);
    loader.recycle(batch);
    const watched = await watch.afterStep(step, measured, batch.sampleNames);
    const evaluated = isDue(step, recipe.watch.knnEverySteps) ? await evaluate(options, step) : undefined;
    last = finite({
      step,
      ...measured,
      ...describeSettings(settings),
      ...describeCost(seconds, waited / 1000, recipe, loader),
      ...watched,
      ...monitored,
      ...evaluated?.measures,
    });
    const isLogged = step === 1 || isDue(step, recipe.log.everySteps) || monitored !== null || evaluated !== undefined;
    if (isLogged) await options.log(last);
    options.onStep?.(last);

    const stopping = step >= steps || signal?.aborted === true;
    const isOverdue = Math.floor(step / recipe.checkpoint.everySteps) > Math.floor(savedStep / recipe.checkpoint.everySteps);
    // The best checkpoint can stay only if there is one. After a step that was not finite the weights may be spoilt: later. Not at the
    // end: such a step changed nothing, so that the steps before it would be lost, and older checkpoints stay.
    const mayBeBest = recipe.checkpoint.keepBest && evaluated?.metric !== undefined;
    if (stopping || ((isOverdue || mayBeBest) && watch.isFinite)) {
      await options.saveCheckpoint(step, evaluated?.metric);
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

/** Without measures that are not finite: JSON has no word for them, and a step that has some changed nothing. */
const finite = (record: MetricsRecord): MetricsRecord =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => Number.isFinite(value))) as { step: number };

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
