// Pretraining from the outside: a recipe says what to train and how, images without labels say from what, and
// a run folder keeps what was learned. This file is the whole program but for its options (`command.ts`);
// what happens to a batch is in `training/src/pretrain-step.ts`, where batches come from in `data/src/multi-crop.ts`.

import { backendOptions, type CommonOptions, printResult, Progress } from "@dinov2/cli";
import { useBackend } from "@dinov2/tensor";
import {
  configPath,
  loadRecipe,
  type MetricsRecord,
  NonFiniteStepsError,
  pretrain,
  readRunRecipe,
  type Recipe,
  UnsavedStepsError,
} from "@dinov2/training";
import { describeNonFinite, describeStart, describeStop, describeSummary, describeUnsaved } from "./describe.ts";
import { openKnnEvaluation } from "./knn-evaluation.ts";
import { stopSignal } from "./stop-signal.ts";

export interface PretrainCommandOptions extends CommonOptions {
  /** A recipe's name or file; with `resume` the run's own unless given. */
  readonly recipe?: string;
  readonly data: string;
  readonly out: string;
  /** `key=value` changes of the recipe. */
  readonly set?: readonly string[];
  /** Weights to start from. */
  readonly init?: string;
  readonly initPartial: boolean;
  readonly resume: boolean;
  /** True when `seed` was typed: else the recipe's own seed holds. */
  readonly seedIsGiven: boolean;
}

export async function main(options: PretrainCommandOptions): Promise<void> {
  const recipe = await chooseRecipe(options);
  const evaluation = await openKnnEvaluation(recipe, options.data);
  const backend = await useBackend(backendOptions(options));

  const progress = new Progress({ label: "pretraining", total: recipe.schedule.steps, unit: "steps" });
  const stop = stopSignal(() => progress.note("Stopping after this step; once more stops at once."));
  try {
    const summary = await pretrain({
      recipe,
      data: options.data,
      out: options.out,
      resume: options.resume,
      ...(options.init !== undefined && { init: { model: options.init, partial: options.initPartial } }),
      onStart: (start) => progress.note(describeStart(start, backend)),
      onWarning: (message) => progress.note(message),
      onSkip: (name, reason) => progress.note(`Left out ${name}: ${reason}`),
      onStep: (record) => progress.update(record.step, describeStep(record)),
      ...(evaluation && { evaluation }),
      signal: stop.signal,
    });
    progress.finish();
    if (!summary.finished) progress.note(describeStop(summary.step, options));
    printResult(options, summary, () => describeSummary(summary));
  } catch (error) {
    throw withResumeCommand(error, options);
  } finally {
    progress.clear();
    stop.release();
  }
}

/** A failure that a run can go on from, with the command that does. */
function withResumeCommand(error: unknown, options: PretrainCommandOptions): unknown {
  if (error instanceof UnsavedStepsError) return new Error(describeUnsaved(error, options), { cause: error });
  if (error instanceof NonFiniteStepsError) return new Error(describeNonFinite(error, options), { cause: error });
  return error;
}

async function chooseRecipe(options: PretrainCommandOptions): Promise<Recipe> {
  const { recipe, out, set = [], seed, seedIsGiven } = options;
  const changes = seedIsGiven ? [...set, `seed=${seed}`] : set;
  if (recipe) return loadRecipe(recipe, changes);
  // Resuming: the run keeps its complete recipe.
  await readRunRecipe(out);
  return loadRecipe(configPath(out), changes);
}

const describeStep = ({ total_loss, images_per_second }: MetricsRecord) =>
  `${total_loss === undefined ? "skipped" : `loss ${total_loss.toFixed(3)}`}, ${images_per_second?.toFixed(1)} images/s`;
