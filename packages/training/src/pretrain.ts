// A whole pretraining run: a recipe and images in, a run folder out. Everything that came from the user is
// checked, and the first batch decoded, before the first file is written.

import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { createLoader, type ImageDataset, openDataset } from "@dinov2/data";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { type CheckpointInfo, type DataIdentity, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { loaderOptions } from "./loader-options.ts";
import { MetricsLog, type MetricsRecord } from "./metrics-log.ts";
import { parameterCounts, type ParameterCounts } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import { configPath, latestCheckpoint, metricsPath, requireEmptyRun, requireSameRecipe, warmStartPath } from "./run-folder.ts";
import { expectedStart } from "./expected-start.ts";
import { startWithFirst } from "./start-with-first.ts";
import { trainLoop } from "./train-loop.ts";
import { createTrainingState, disposeTrainingState, type TrainingState } from "./training-state.ts";
import { prepareWarmStart, type WarmStart, type WarmStartReport } from "./warm-start.ts";

export interface PretrainOptions {
  readonly recipe: Recipe;
  /** An image folder, a glob or a CSV manifest. */
  readonly data: string;
  /** The run folder: new or empty, or with `resume` that of the run to go on with. */
  readonly out: string;
  readonly resume?: boolean;
  /** Weights to start from; a recipe with `model.pretrained` needs them. */
  readonly init?: WarmStart;
  /** Called when everything was checked, before the first step. */
  readonly onStart?: (start: PretrainStart) => void;
  /** Called after each step. */
  readonly onStep?: (record: MetricsRecord) => void;
  /** Called after `onStart`, once for each image that is left out. */
  readonly onSkip?: (name: string, reason: string) => void;
  /** When aborted, the run writes a checkpoint after the step it is in, and returns. */
  readonly signal?: AbortSignal;
}

/** What is about to run. */
export interface PretrainStart {
  readonly images: number;
  /** Steps done before, and steps the recipe asks for. */
  readonly step: number;
  readonly steps: number;
  readonly batchSize: number;
  /** The loss terms of a network that knows nothing; see `expectedStart`. */
  readonly expectedLosses: Readonly<Record<string, number>>;
  /** What became of the weights that the run starts from; null for none. */
  readonly warmStart: WarmStartReport | null;
}

export interface PretrainSummary {
  readonly run: string;
  /** Steps done, and steps the recipe asks for. */
  readonly step: number;
  readonly steps: number;
  readonly finished: boolean;
  readonly images: number;
  readonly skippedImages: number;
  readonly parameters: ParameterCounts;
  readonly seconds: number;
  /** The last step's measures; none when there was nothing left to do. */
  readonly last: MetricsRecord | undefined;
}

/**
 * Pretrains on the tensor backend in use.
 *
 * @throws InputError for data, a run folder or a checkpoint that does not fit; then nothing was written
 * @throws Error when a loss is no longer a number, or too many images cannot be decoded
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainSummary> {
  const { recipe, out: run, resume = false, onStart, onStep, signal } = options;
  const startedAt = performance.now();
  requireInit(options);
  if (resume) await requireSameRecipe(run, recipe);
  else await requireEmptyRun(run);
  const dataset = await openDataset(options.data);
  const data = describeData(options.data, dataset);
  if (dataset.length < recipe.data.batchSize) {
    throw new InputError(
      `${options.data} has ${dataset.length} images, expected at least data.batchSize ${recipe.data.batchSize}; ` +
        `add images or give --set data.batchSize=${dataset.length}.`,
    );
  }

  const prepared = options.init ? await prepareWarmStart(recipe, options.init) : null;
  const state = createTrainingState(recipe);
  try {
    await prepared?.load(state);
    const startStep = resume ? await resumeFrom(await latestCheckpoint(run), state, data) : 0;
    const skips = holdBack(options.onSkip ?? (() => {}));
    const loader = createLoader(loaderOptions(recipe, dataset, startStep, skips.call));
    try {
      const batches = await startWithFirst(loader);
      await mkdir(run, { recursive: true });
      await writeFileAtomic(configPath(run), `${JSON.stringify(recipe, null, 2)}\n`);
      if (prepared) await writeFileAtomic(warmStartPath(run), `${JSON.stringify(prepared.report, null, 2)}\n`);
      const metrics = await MetricsLog.open(metricsPath(run), startStep);
      onStart?.({
        images: dataset.length,
        step: startStep,
        steps: recipe.schedule.steps,
        batchSize: recipe.data.batchSize,
        expectedLosses: expectedStart(recipe),
        warmStart: prepared?.report ?? null,
      });
      skips.release();
      const save = (step: number) =>
        saveCheckpoint(run, state, { step, seed: recipe.seed, data }, recipe.checkpoint.keep);
      const { step, last } = await trainLoop({
        recipe,
        state,
        batches,
        loader,
        metrics,
        startStep,
        saveCheckpoint: save,
        ...(onStep && { onStep }),
        ...(signal && { signal }),
      });
      return {
        run,
        step,
        steps: recipe.schedule.steps,
        finished: step >= recipe.schedule.steps,
        images: dataset.length,
        skippedImages: loader.stats().skippedImages,
        parameters: parameterCounts(recipe),
        seconds: (performance.now() - startedAt) / 1000,
        last,
      };
    } finally {
      await loader.close();
    }
  } finally {
    disposeTrainingState(state);
    await prepared?.close();
  }
}

/** @throws InputError when weights to start from are needed and not given, or given and of no use */
function requireInit({ recipe, init, resume }: PretrainOptions): void {
  if (init && resume) {
    throw new InputError(`--init starts a run and --resume goes on with one, which has its weights already; leave out one of them.`);
  }
  if (recipe.model.pretrained && !init && !resume) {
    throw new InputError(
      "The recipe starts from pretrained weights (model.pretrained); name them with --init: a run folder, a .safetensors or .pth " +
        "file, or a Hugging Face folder. To start at random, give --set model.pretrained=false.",
    );
  }
}

function describeData(source: string, dataset: ImageDataset): DataIdentity {
  const names = createHash("sha256");
  for (let i = 0; i < dataset.length; i++) names.update(`${dataset.name(i)}\n`);
  return { source, images: dataset.length, namesHash: names.digest("hex") };
}

/** @returns the steps done @throws InputError when the checkpoint is of another architecture or of other data */
async function resumeFrom(checkpoint: string, state: TrainingState, data: DataIdentity): Promise<number> {
  const info: CheckpointInfo = await loadCheckpoint(checkpoint, state);
  // The path may change, as when a run moves to another machine; what lies there may not.
  if (info.data.images !== data.images || info.data.namesHash !== data.namesHash) {
    throw new InputError(
      `--resume with other data: the run saw ${info.data.images} images of ${info.data.source}, ` +
        `${data.source} has ${data.images} or other names; give the same images, or another --out.`,
    );
  }
  return info.step;
}

/** A function whose calls wait until `release()`: nothing is said about images before it is clear that there is a run. */
function holdBack<Arguments extends unknown[]>(call: (...given: Arguments) => void) {
  let waiting: Arguments[] | null = [];
  return {
    call: (...given: Arguments) => (waiting ? void waiting.push(given) : call(...given)),
    release: () => {
      const held = waiting ?? [];
      waiting = null;
      for (const given of held) call(...given);
    },
  };
}
