import { type ImageDataset, subset } from "@dinov2/data";
import { type AccuracyMetric, bestBy, byMetric, scoreRows } from "./accuracy.ts";
import type { FrozenBackbone } from "./backbone.ts";
import type { EvaluationContext, Evaluator, Measurement } from "./evaluator.ts";
import { extractLabelled } from "./features.ts";
import { augmentedBatches, type CropOptions, storedBatches } from "./linear-batches.ts";
import { type LinearInputOptions, linearInputs } from "./linear-inputs.ts";
import { type HeadScore, type LinearTraining, OFFICIAL_STEPS, predictHead, scoreHeads, trainHeads } from "./linear-probe.ts";
import { classCountOf } from "./rank.ts";
import { heldOutRows, namedRows, selectionTitle } from "./splits.ts";
import { classDetails, extractTest, rowsOf, type TestFeatures, type TestImages, testSets } from "./test-images.ts";

export const OFFICIAL_BATCH = 128;

/** What the head that counts is the best on: the reported images, as in the official code, or some kept out of training. */
export type SelectOn = "test" | "held-out";

/**
 * What heads are trained on: the features of every image's evaluation view, taken once; or, as in the official code, those
 * of a new random crop each time, for one forward of the network a step.
 */
export type TrainFeatures = "once" | "augmented";

export interface LinearEvaluatorOptions extends LinearTraining, LinearInputOptions, CropOptions {
  readonly features?: TrainFeatures;
  /** Images of one step. */
  readonly trainBatch?: number;
  readonly selectOn?: SelectOn;
  /** The share of training images that are kept out to select on. */
  readonly heldOutShare?: number;
}

/**
 * Linear classifiers on the frozen features, one for each learning rate, number of blocks and pooling, 52 as it comes.
 * Metrics: `linear.top1`, `.top5` and `.mean_per_class` of the selected head, with a note that names it;
 * `linear.b4.avg.lr0.01.top1` and so on of every head, and `….heldout`, what it is selected by, where that is on held-out images.
 * Of further test sets `NAME/linear.top1` and so on of the same selected head.
 */
export function linearEvaluator({ selectOn = "test", heldOutShare = 0.1, ...options }: LinearEvaluatorOptions = {}): Evaluator {
  return {
    name: "linear",
    async *run(backbone, context) {
      const { train, selectionImages } = context.task;
      const sides = selectOn === "test" ? { train } : holdOut(train, heldOutShare, context.seed, selectionImages);
      const chosenOn = selectOn === "test" ? "the test images themselves" : selectionTitle(selectionImages);
      yield* measurements(await scores(backbone, sides, options, context), chosenOn, context.task.metric);
    },
  };
}

interface Sides {
  readonly train: ImageDataset;
  readonly heldOut?: ImageDataset;
}

function holdOut(train: ImageDataset, share: number, seed: number, selectionImages?: Int32Array): Sides {
  const rows = selectionImages ? namedRows(selectionImages, [...labelsOf(train).keys()]) : heldOutRows(labelsOf(train), share, seed, train.column?.("group"));
  return { train: subset(train, rows.train), heldOut: subset(train, rows.test) };
}

const labelsOf = (dataset: ImageDataset) => Int32Array.from({ length: dataset.length }, (_, i) => dataset.label(i)!);

interface TestScores {
  readonly prefix: string;
  readonly images: TestImages;
  readonly heads: readonly HeadScore[];
}

interface ScoresOfHeads {
  /** At least one; heads are selected on the first. */
  readonly tests: readonly TestScores[];
  readonly heldOut?: readonly HeadScore[];
}

async function scores(
  backbone: FrozenBackbone,
  { train, heldOut }: Sides,
  options: LinearEvaluatorOptions,
  context: EvaluationContext,
): Promise<ScoresOfHeads> {
  const { backbone: extractor, inputs } = linearInputs(backbone, options);
  const { trainBatch = OFFICIAL_BATCH, steps = OFFICIAL_STEPS } = options;
  const { seed } = context;
  const sets = testSets(context.task);
  // First what can fail at once: images that cannot be read are said before hours of training.
  const keptOut = heldOut && (await extractLabelled(extractor, heldOut, "held out", context));
  const rows: TestFeatures[] = [];
  for (const { images } of sets) rows.push(await extractTest(extractor, images, context));
  const batches = options.features === "augmented"
    ? augmentedBatches(extractor, train, trainBatch, { ...context, cropScale: options.cropScale })
    : storedBatches(await extractLabelled(extractor, train, "train", context), trainBatch, seed);
  const classCount = classCountOf({ labels: labelsOf(train) }, ...rows);
  const onProgress = (done: number) => context.progress?.("heads", done * trainBatch, steps * trainBatch);
  onProgress(0);
  const groups = await trainHeads(batches, inputs, { ...options, classCount, seed, onProgress });
  try {
    const tests: TestScores[] = [];
    for (const [i, set] of sets.entries()) tests.push({ ...set, heads: await scoreHeads(groups, rows[i]!) });
    const found = { tests, ...(keptOut && { heldOut: await scoreHeads(groups, keptOut) }) };
    const best = selectedHead(found, context.task.metric);
    for (const [i, { prefix, heads }] of tests.entries()) {
      if (!context.found) break;
      const details = classDetails(`${prefix}${heads[best]!.head}`, rows[i]!, await predictHead(groups, best, rows[i]!));
      for (const detail of details) await context.found(detail);
    }
    return found;
  } finally {
    for (const group of groups) group.dispose();
  }
}

/** The first of the best: fewer blocks, no pooling, the smaller rate. */
const selectedHead = ({ tests, heldOut }: ScoresOfHeads, metric?: AccuracyMetric) => bestBy(heldOut ?? tests[0]!.heads, metric);

function* measurements(scores: ScoresOfHeads, chosenOn: string, metric: AccuracyMetric = "top1"): Iterable<Measurement> {
  const { tests: [test, ...others], heldOut } = scores;
  const { images, heads } = test!;
  const best = selectedHead(scores, metric);
  const { head } = heads[best]!;
  const note = `head ${head}, the best of ${heads.length} ${byMetric(metric)}on ${chosenOn}${atTheEdge(heads, best)}`;
  yield* rowsOf(images, scoreRows("linear", heads[best]!).map((row) => ({ ...row, note })));
  for (const [i, score] of heads.entries()) {
    yield* rowsOf(images, scoreRows(`linear.${score.head}`, score));
    if (heldOut) yield { metric: `linear.${score.head}.heldout`, value: heldOut[i]![metric] };
  }
  for (const { prefix, images, heads } of others) {
    yield* rowsOf(images, scoreRows(`${prefix}linear`, heads[best]!).map((row) => ({ ...row, note: `head ${head}, that of linear.top1` })));
  }
}

/** A best rate that is the largest one tried says that the grid ends too early for these features. */
function atTheEdge(heads: readonly HeadScore[], best: number): string {
  const rates = heads.map(({ learningRate }) => learningRate);
  const isLargest = rates[best] === Math.max(...rates) && Math.min(...rates) < rates[best];
  return isLargest ? "; no larger learning rate was tried, and one may be better" : "";
}
