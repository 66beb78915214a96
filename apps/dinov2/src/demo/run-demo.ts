// The whole story in one function: pictures, a split without shared concepts, and for each seed the accuracy of the network
// before its first step, its training without labels, and the accuracy after. What is measured is in `measure.ts`; what is
// learned, and how long, is in the recipe; what is said about it is in `describe.ts`.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { ClassificationTask } from "@dinov2/evaluation";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { createTrainingState, disposeTrainingState, pretrain, type PretrainSummary, type Recipe } from "@dinov2/training";
import { loadModel, type VisionTransformer } from "@dinov2/vit";
import type { Emoji } from "./emoji.ts";
import {
  commonestClassAccuracy, measureNetwork, measurePixels, openTask, type FeatureName, type NetworkMeasures,
} from "./measure.ts";
import { prepareImages, writeSplit } from "./prepare.ts";
import { writeReport } from "./report.ts";

/** What a seed came to. Accuracies are shares of 1. */
export interface SeedResult {
  readonly seed: number;
  /** Run folder, and the manifest with the split; relative to the demo's folder. */
  readonly run: string;
  readonly manifest: string;
  readonly trainImages: number;
  readonly testImages: number;
  readonly accuracy: {
    readonly commonest: number;
    readonly pixels: number;
    readonly untrained: Readonly<Record<FeatureName, number>>;
    readonly trained: Readonly<Record<FeatureName, number>>;
  };
  readonly trainingSeconds: number;
}

export interface DemoResult {
  readonly out: string;
  readonly report: string;
  readonly images: number;
  readonly categories: number;
  readonly steps: number;
  readonly batchSize: number;
  readonly backboneParameters: number;
  /** Side at which the networks see the pictures, in pixels. */
  readonly imageSize: number;
  readonly engine: string;
  readonly seeds: readonly SeedResult[];
  readonly seconds: number;
}

export interface DemoOptions {
  readonly emoji: readonly Emoji[];
  readonly recipe: Recipe;
  readonly seeds: readonly number[];
  /** New or empty. */
  readonly out: string;
  /** What computes, in words. */
  readonly engine: string;
  readonly watcher: DemoWatcher;
  /** Called when `out` was found to be empty, before anything is written. */
  readonly onStart?: () => void;
}

/** Where the demo says what it is doing. */
export interface DemoWatcher {
  /** `done` of `total` of a stage; `detail` in words. A new stage ends the one before. */
  progress(stage: string, unit: string, done: number, total: number, detail?: string): void;
  note(text: string): void;
}

/** @throws InputError when `out` is not empty */
export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const { emoji, recipe, seeds, out, engine, watcher } = options;
  const startedAt = performance.now();
  await requireEmpty(out);
  options.onStart?.();
  await prepareImages(emoji, out, (done) => watcher.progress("preparing pictures", "images", done, emoji.length));

  const runs: SeedRun[] = [];
  for (const seed of seeds) runs.push(await runSeed(options, seed));
  const first = runs[0]!;
  const result: DemoResult = {
    out,
    report: "report.html",
    images: emoji.length,
    categories: new Set(emoji.map((one) => one.category)).size,
    steps: recipe.schedule.steps,
    batchSize: recipe.data.batchSize,
    backboneParameters: first.training.parameters.backbone,
    imageSize: recipe.crops.globalSize,
    engine,
    seeds: runs.map((run) => run.result),
    seconds: (performance.now() - startedAt) / 1000,
  };
  await writeFileAtomic(join(out, "results.json"), `${JSON.stringify(result, null, 2)}\n`);
  await writeReport(result, first);
  return result;
}

/** A seed's result with what the page shows of it. */
export interface SeedRun {
  readonly result: SeedResult;
  readonly task: ClassificationTask;
  readonly untrained: NetworkMeasures;
  readonly trained: NetworkMeasures;
  readonly training: PretrainSummary;
}

async function runSeed({ emoji, recipe, out, watcher }: DemoOptions, seed: number): Promise<SeedRun> {
  const seeded: Recipe = { ...recipe, seed };
  const { manifest, trainImages } = await writeSplit(emoji, out, seed);
  const task = await openTask(manifest);
  const untrained = await withUntrained(seeded, (model) => measureNetwork(model, task));

  const run = join(out, `seed-${seed}`);
  const stage = `training, seed ${seed}`;
  const training = await pretrain({
    recipe: seeded,
    data: trainImages,
    out: run,
    onStep: ({ step, total_loss }) =>
      watcher.progress(stage, "steps", step, recipe.schedule.steps, `loss ${total_loss?.toFixed(3)}`),
  });
  const trained = await withModel(await loadModel(run), (model) => measureNetwork(model, task));

  const accuracy = {
    commonest: commonestClassAccuracy(task),
    pixels: await measurePixels(task),
    untrained: untrained.accuracy,
    trained: trained.accuracy,
  };
  const counts = { trainImages: task.train.length, testImages: task.test.length };
  const files = { run: `seed-${seed}`, manifest: `splits/seed-${seed}.csv` };
  return { result: { seed, ...files, ...counts, accuracy, trainingSeconds: training.seconds }, task, untrained, trained, training };
}

/** The very network that the recipe's run starts from. */
async function withUntrained<T>(recipe: Recipe, use: (model: VisionTransformer) => Promise<T>): Promise<T> {
  const state = createTrainingState(recipe);
  try {
    return await use(state.teacher.backbone);
  } finally {
    disposeTrainingState(state);
  }
}

async function withModel<T>(model: VisionTransformer, use: (model: VisionTransformer) => Promise<T>): Promise<T> {
  try {
    return await use(model);
  } finally {
    model.dispose();
  }
}

async function requireEmpty(out: string): Promise<void> {
  const entries = await readdir(out).catch(() => []);
  if (entries.length > 0) {
    throw new InputError(`${out} is not empty, the demo starts in a new folder; remove it or give another --out.`);
  }
}
