import { bestBy, byMetric, rankScore, scoreRows } from "../accuracy.ts";
import type { EvaluationContext, Evaluator } from "../evaluator.ts";
import { joinLabelled, type LabelledFeatures, selectLabelled } from "../feature-matrix.ts";
import { extractLabelled } from "../features.ts";
import { type Answers, classCountOf } from "../rank.ts";
import { heldOutRows, namedRows, selectionTitle } from "../splits.ts";
import { classDetails, extractTest, rowsOf, type TestFeatures, testSets } from "../test-images.ts";
import { measureMultiLabel } from "./multi-label.ts";
import { logisticLogits, type LogisticModel, LogisticRegression, OFFICIAL_CS, OFFICIAL_ITERATIONS } from "./logistic-regression.ts";

export interface LogisticEvaluatorOptions {
  /** How little weights are penalised, one classifier each; the best on the images to select on counts. */
  readonly cs?: readonly number[];
  readonly maxIterations?: number;
  /** The share of training images that are kept out to select on, where the task has no images for it. */
  readonly heldOutShare?: number;
}

/** Accuracies of classifiers that are only compared need no more; the one that is reported is fitted to the end. */
const SELECTION_TOLERANCE = 1e-8;

/**
 * Logistic regression on the class token as it is, of all training images at once. C is selected on a part of them (or on the
 * task's own images to select on), then everything is fitted again. Metrics: `logistic.top1`, `.top5` and `.mean_per_class`, with a note
 * of C, and `logistic.heldout`, the accuracy that C was selected by; that of every C is a curve among the details.
 *
 * Source: arXiv 2304.07193, section 7.1; `dinov2/eval/log_regression.py`.
 */
export function logisticEvaluator({ cs = OFFICIAL_CS, maxIterations = OFFICIAL_ITERATIONS, heldOutShare = 0.1 }: LogisticEvaluatorOptions = {}): Evaluator {
  return {
    name: "logistic",
    severalClasses: true,
    async *run(backbone, context) {
      const { task, found } = context;
      const ascending = [...new Set(cs)].sort((a, b) => a - b);
      if (task.targets) return yield* measureMultiLabel(backbone, context, { cs: ascending, maxIterations, tolerance: SELECTION_TOLERANCE });
      const train = await extractLabelled(backbone, task.train, "train", context);
      const selection = task.selection && (await extractTest(backbone, task.selection, context, "to select on"));
      const tests: TestFeatures[] = [];
      for (const { images } of testSets(task)) tests.push(await extractTest(backbone, images, context));
      const classCount = classCountOf(train, ...tests);
      const groups = task.train.column?.("group");
      const sides = selection ? { fitted: train, selection } : heldOutSides(train, heldOutShare, context.seed, groups, task.selectionImages);

      const tried = await scoreAll({ ...sides, cs: ascending, classCount, maxIterations }, context);
      const { metric = "top1" } = task;
      const best = tried[bestBy(tried, metric)]!; // the smaller C of equal ones
      const everything = selection ? joinLabelled(train, selection) : train;
      const model = fitOnce(everything, classCount, best.c, maxIterations);

      const chosenOn = selection ? "images given to select on" : selectionTitle(task.selectionImages);
      const note = `C ${best.c.toPrecision(3)}, the best of ${tried.length} ${byMetric(metric)}on ${chosenOn}`;
      for (const [i, { prefix, images }] of testSets(task).entries()) {
        const score = scoreModel(model, tests[i]!);
        yield* rowsOf(images, scoreRows(`${prefix}logistic`, score).map((row) => ({ ...row, note })));
        for (const detail of classDetails(`${prefix}logistic`, tests[i]!, score.predictions)) await found?.(detail);
      }
      yield { metric: "logistic.heldout", value: best[metric], note: "of the selected C, which is selected by it" };
      await found?.({ detail: "curve", title: "Accuracy on the images that C is selected on", xName: "log10 C", points: tried.map((one) => [Math.log10(one.c), one[metric]]) });
    },
  };
}

function fitOnce(train: LabelledFeatures, classCount: number, c: number, maxIterations: number): LogisticModel {
  using regression = new LogisticRegression(train, classCount);
  return regression.fit(c, { maxIterations }).model;
}

interface Sides {
  readonly fitted: LabelledFeatures;
  readonly selection: LabelledFeatures;
}

function heldOutSides(
  train: LabelledFeatures & { readonly rows: Int32Array },
  share: number,
  seed: number,
  groups: ArrayLike<string> | undefined,
  selectionImages: Int32Array | undefined,
): Sides {
  const rows = selectionImages ? namedRows(selectionImages, train.rows) : heldOutRows(train.labels, share, seed, groups && Array.from(train.rows, (row) => groups[row]!));
  return { fitted: selectLabelled(train, rows.train), selection: selectLabelled(train, rows.test) };
}

interface Path extends Sides {
  /** Ascending: each optimum is where the search for the next begins. */
  readonly cs: readonly number[];
  readonly classCount: number;
  readonly maxIterations: number;
}

async function scoreAll(
  { fitted, selection, cs, classCount, maxIterations }: Path,
  { progress }: EvaluationContext,
): Promise<(ModelScore & { readonly c: number })[]> {
  using regression = new LogisticRegression(fitted, classCount);
  const scores = [];
  let from: LogisticModel | undefined;
  for (const [i, c] of cs.entries()) {
    progress?.("selecting C", i, cs.length, "values");
    from = regression.fit(c, { from, maxIterations, tolerance: SELECTION_TOLERANCE }).model;
    scores.push({ c, ...scoreModel(from, selection) });
    // Signals and timers have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress?.("selecting C", cs.length, cs.length, "values");
  return scores;
}

type ModelScore = ReturnType<typeof rankScore>;

function scoreModel(model: LogisticModel, rows: LabelledFeatures & Answers): ModelScore {
  const logits = logisticLogits(model, rows.features);
  return rankScore(rows, model.classCount, (row) => logits.subarray(row * model.classCount, (row + 1) * model.classCount));
}
