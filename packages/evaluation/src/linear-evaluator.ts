import { type ImageDataset, subset } from "@dinov2/data";
import { type AccuracyMetric, bestBy, byMetric, scoreRows } from "./accuracy.ts";
import type { FrozenBackbone } from "./backbone.ts";
import { classAccuracies, confusion } from "./details.ts";
import type { EvaluationContext, Evaluator, Measurement } from "./evaluator.ts";
import { extractLabelled } from "./features.ts";
import { augmentedBatches, storedBatches } from "./linear-batches.ts";
import { type LinearInputOptions, linearInputs } from "./linear-inputs.ts";
import { type HeadScore, type LinearTraining, OFFICIAL_STEPS, predictHead, scoreHeads, trainHeads } from "./linear-probe.ts";
import { heldOutRows } from "./splits.ts";

export const OFFICIAL_BATCH = 128;

/** What the head that counts is the best on: the reported images, as in the official code, or some kept out of training. */
export type SelectOn = "test" | "held-out";

/**
 * What heads are trained on: the features of every image's evaluation view, taken once; or, as in the official code, those
 * of a new random crop each time, for one forward of the network a step.
 */
export type TrainFeatures = "once" | "augmented";

export interface LinearEvaluatorOptions extends LinearTraining, LinearInputOptions {
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
 */
export function linearEvaluator({ selectOn = "test", heldOutShare = 0.1, ...options }: LinearEvaluatorOptions = {}): Evaluator {
  return {
    name: "linear",
    async *run(backbone, context) {
      const { train, test } = context.task;
      const sides = selectOn === "test" ? { train, test } : { test, ...holdOut(train, heldOutShare, context.seed) };
      yield* measurements(await scores(backbone, sides, options, context), context.task.metric);
    },
  };
}

interface Sides {
  readonly train: ImageDataset;
  readonly test: ImageDataset;
  readonly heldOut?: ImageDataset;
}

function holdOut(train: ImageDataset, share: number, seed: number): Pick<Sides, "train" | "heldOut"> {
  const rows = heldOutRows(labelsOf(train), share, seed, train.column?.("group"));
  return { train: subset(train, rows.train), heldOut: subset(train, rows.test) };
}

const labelsOf = (dataset: ImageDataset) => Int32Array.from({ length: dataset.length }, (_, i) => dataset.label(i)!);

interface ScoresOfHeads {
  readonly test: readonly HeadScore[];
  readonly heldOut?: readonly HeadScore[];
}

async function scores(
  backbone: FrozenBackbone,
  { train, test, heldOut }: Sides,
  options: LinearEvaluatorOptions,
  context: EvaluationContext,
): Promise<ScoresOfHeads> {
  const { backbone: extractor, inputs } = linearInputs(backbone, options);
  const { trainBatch = OFFICIAL_BATCH, steps = OFFICIAL_STEPS } = options;
  const { seed } = context;
  const extract = (side: ImageDataset, stage: string) => extractLabelled(extractor, side, stage, context);
  // First what can fail at once: images that cannot be read are said before hours of training.
  const rows = { ...(heldOut && { heldOut: await extract(heldOut, "held out") }), test: await extract(test, "test") };
  const batches = options.features === "augmented"
    ? augmentedBatches(extractor, train, trainBatch, context)
    : storedBatches(await extract(train, "train"), trainBatch, seed);
  const classCount = 1 + [train, test].reduce((most, side) => labelsOf(side).reduce((a, b) => Math.max(a, b), most), 0);
  const onProgress = (done: number) => context.progress?.("heads", done * trainBatch, steps * trainBatch);
  onProgress(0);
  const groups = await trainHeads(batches, inputs, { ...options, classCount, seed, onProgress });
  try {
    const ofTest = await scoreHeads(groups, rows.test);
    const found = { test: ofTest, ...(rows.heldOut && { heldOut: await scoreHeads(groups, rows.heldOut) }) };
    if (context.found) {
      const best = selectedHead(found, context.task.metric);
      const mixed = confusion(ofTest[best]!.head, rows.test.labels, await predictHead(groups, best, rows.test));
      await context.found(mixed);
      await context.found(classAccuracies(mixed));
    }
    return found;
  } finally {
    for (const group of groups) group.dispose();
  }
}

/** The first of the best: fewer blocks, no pooling, the smaller rate. */
const selectedHead = ({ test, heldOut }: ScoresOfHeads, metric?: AccuracyMetric) => bestBy(heldOut ?? test, metric);

function* measurements(scores: ScoresOfHeads, metric: AccuracyMetric = "top1"): Iterable<Measurement> {
  const { test, heldOut } = scores;
  const best = selectedHead(scores, metric);
  const chosenOn = heldOut ? "training images held out" : "the test images themselves";
  const note = `head ${test[best]!.head}, the best of ${test.length} ${byMetric(metric)}on ${chosenOn}${atTheEdge(test, best)}`;
  yield* scoreRows("linear", test[best]!).map((row) => ({ ...row, note }));
  for (const [i, score] of test.entries()) {
    yield* scoreRows(`linear.${score.head}`, score);
    if (heldOut) yield { metric: `linear.${score.head}.heldout`, value: heldOut[i]![metric] };
  }
}

/** A best rate that is the largest one tried says that the grid ends too early for these features. */
function atTheEdge(heads: readonly HeadScore[], best: number): string {
  const rates = heads.map(({ learningRate }) => learningRate);
  const isLargest = rates[best] === Math.max(...rates) && Math.min(...rates) < rates[best];
  return isLargest ? "; no larger learning rate was tried, and one may be better" : "";
}
