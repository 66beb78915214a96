// A whole pretraining run: a recipe and images in, a run folder out. Everything that came from the user is
// checked, and the first batch decoded, before the first file is written.

import { createHash } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { createLoader, type ImageDataset, openDataset } from "@dinov2/data";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import type { DataIdentity } from "./checkpoint.ts";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { loaderOptions } from "./loader-options.ts";
import type { MetricsRecord } from "./metrics-log.ts";
import { parameterCounts, type ParameterCounts } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import { loadNewestCheckpoint, type Resumed, setDamagedAside } from "./resume.ts";
import { configPath, requireEmptyRun, requireOwnStart, requireSameRecipe, warmStartPath } from "./run-folder.ts";
import { lockRun } from "./run-lock.ts";
import { expectedStart } from "./expected-start.ts";
import type { RunEvaluation } from "./run-evaluation.ts";
import { openLogs } from "./run-logs.ts";
import { startWithFirst } from "./start-with-first.ts";
import { trainLoop } from "./train-loop.ts";
import { createTrainingState, disposeTrainingState, type TrainingState } from "./training-state.ts";
import { untilAborted } from "./until-aborted.ts";
import { hasTrainedHeads, prepareWarmStart, type WarmStart, type WarmStartReport } from "./warm-start.ts";
import { RunWatch, type WatchEvent } from "./watch/run-watch.ts";
import { type Defer, withCleanup } from "./with-cleanup.ts";

export interface PretrainOptions {
  readonly recipe: Recipe;
  /** Images: any source that `openDataset` of `@dinov2/data` takes. */
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
  /** Measures the teacher each `watch.knnEverySteps` steps. */
  readonly evaluation?: RunEvaluation;
  /**
   * Told what went wrong and did not stop the run: a damaged checkpoint that was skipped, a full disk, and what the watch finds
   * (a step that was not finite, a spike, collapse), which is in events.jsonl too.
   */
  readonly onWarning?: (message: string) => void;
  /** When aborted, the run writes a checkpoint after the step it is in, and returns; before its first step, nothing. */
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
 * @throws UnsavedStepsError when the last checkpoint could not be written
 * @throws NonFiniteStepsError when too many steps in a row had a loss or gradient that is not finite
 * @throws Error when too many images cannot be decoded
 */
export async function pretrain(options: PretrainOptions): Promise<PretrainSummary> {
  const { recipe, out: run, resume = false } = options;
  requireInit(options);
  if (resume) await requireSameRecipe(run, recipe);
  else await requireEmptyRun(run);
  const dataset = await openDataset(options.data);
  if (dataset.length < recipe.data.batchSize) {
    throw new InputError(
      `${options.data} has ${dataset.length} images, expected at least data.batchSize ${recipe.data.batchSize}; ` +
        `add images or give --set data.batchSize=${dataset.length}.`,
    );
  }
  return withCleanup((defer) => pretrainOn(dataset, options, defer));
}

async function pretrainOn(dataset: ImageDataset, options: PretrainOptions, defer: Defer): Promise<PretrainSummary> {
  const { recipe, out: run, resume = false, init, onStart, onStep, onSkip = () => {}, onWarning = () => {}, evaluation, signal } = options;
  const startedAt = performance.now();
  const data = describeData(options.data, dataset);
  if (resume) defer((await lockRun(run)).release);
  const prepared = init ? await prepareWarmStart(recipe, init) : null;
  if (prepared) defer(() => prepared.close());
  const state = createTrainingState(recipe);
  defer(() => disposeTrainingState(state));
  await prepared?.load(state);
  const resumed = resume ? await resumeFrom(run, state, data) : null;
  const startStep = resumed?.info.step ?? 0;

  const skips = holdBack(onSkip);
  const loader = createLoader(loaderOptions(recipe, dataset, startStep, skips.call));
  defer(() => loader.close());
  const summary = (step: number, last?: MetricsRecord): PretrainSummary => ({
    run,
    step,
    steps: recipe.schedule.steps,
    finished: step >= recipe.schedule.steps,
    images: dataset.length,
    skippedImages: loader.stats().skippedImages,
    parameters: parameterCounts(recipe),
    seconds: (performance.now() - startedAt) / 1000,
    last,
  });
  const batches = await startWithFirst(untilAborted(loader, signal));
  if (signal?.aborted) return summary(startStep);

  if (!resume) {
    await mkdir(run, { recursive: true });
    defer((await lockRun(run)).release);
    await requireEmptyRun(run);
  }
  // Before the recipe, which makes the folder one that can be resumed: a run from weights may not start over without them.
  if (prepared) await writeFileAtomic(warmStartPath(run), `${JSON.stringify(prepared.report, null, 2)}\n`);
  else if (!resume) await rm(warmStartPath(run), { force: true }); // of a start that was killed here
  await writeFileAtomic(configPath(run), `${JSON.stringify(recipe, null, 2)}\n`);
  if (resumed) (await setDamagedAside(run, resumed)).forEach(onWarning);
  const logs = await openLogs(run, startStep, recipe.log, onWarning);
  defer(() => logs.close());
  onStart?.({
    images: dataset.length,
    step: startStep,
    steps: recipe.schedule.steps,
    batchSize: recipe.data.batchSize,
    expectedLosses: expectedStart(recipe),
    warmStart: prepared?.report ?? null,
  });
  skips.release();

  const identity = { seed: recipe.seed, data };
  const lastGood = resumed ? startStep : null;
  const checkpoints = new CheckpointKeeper({ run, state, identity, rule: recipe.checkpoint, lastGood, onWarning });
  const onEvent = async (event: WatchEvent) => {
    await logs.writeEvent(event);
    onWarning(event.message);
  };
  const headsAreRandom = !hasTrainedHeads(prepared?.report ?? null);
  const watch = new RunWatch({ recipe, headsAreRandom, saved: resumed?.info.watch, onEvent });
  const { step, last } = await trainLoop({
    recipe,
    state,
    batches,
    loader,
    log: (record) => logs.write(record),
    watch,
    startStep,
    saveCheckpoint: async (step, metric) => {
      await logs.sync();
      await checkpoints.save(step, metric, watch.state);
    },
    ...(evaluation && { evaluation }),
    ...(onStep && { onStep }),
    ...(signal && { signal }),
  });
  checkpoints.requireSaved();
  return summary(step, last);
}

/** @throws InputError when weights to start from are needed and not given, or given and of no use */
function requireInit({ recipe, init, resume }: PretrainOptions): void {
  if (init && resume) {
    throw new InputError("--init starts a run and --resume goes on with one, which has its weights already; leave out one of them.");
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

/**
 * The checkpoint to go on from; null when the run was stopped before its first one: it then starts over, and is the same.
 * @throws InputError when there is none that fits, or it is of other data
 */
async function resumeFrom(run: string, state: TrainingState, data: DataIdentity): Promise<Resumed | null> {
  const resumed = await loadNewestCheckpoint(run, state);
  if (!resumed) {
    await requireOwnStart(run);
    return null;
  }
  const saw = resumed.info.data;
  // The path may change, as when a run moves to another machine; what lies there may not.
  if (saw.images !== data.images || saw.namesHash !== data.namesHash) {
    throw new InputError(
      `--resume with other data: the run saw ${saw.images} images of ${saw.source}, ` +
        `${data.source} has ${data.images} or other names; give the same images, or another --out.`,
    );
  }
  return resumed;
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
