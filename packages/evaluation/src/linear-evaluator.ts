import { InputError, RandomStream } from "@dinov2/foundation";
import type { EvaluationContext, Evaluator, Measurement } from "./evaluator.ts";
import { type LabelledFeatures, selectLabelled } from "./feature-matrix.ts";
import { extractLabelled } from "./features.ts";
import { type LinearInput, type LinearInputOptions, linearInputs } from "./linear-inputs.ts";
import { type HeadScore, type LinearTraining, scoreHeads, trainHeads } from "./linear-probe.ts";
import { stratifiedSplit } from "./splits.ts";

/** What the head that counts is the best on: the reported images, as in the official code, or some kept out of training. */
export type SelectOn = "test" | "held-out";

export interface LinearEvaluatorOptions extends LinearTraining, LinearInputOptions {
  readonly selectOn?: SelectOn;
  /** The share of training images that are kept out to select on. */
  readonly heldOutShare?: number;
}

/**
 * Linear classifiers on the frozen features, one for each learning rate, number of blocks and pooling, 52 as it comes.
 * Every image's features are taken once, of its evaluation view (the official code draws a random crop each time).
 * Metrics: `linear.top1` of the selected head, with a note that names it; `linear.b4.avg.lr0.01.top1` of every head, and
 * `….heldout` where heads are selected on held-out images.
 */
export function linearEvaluator({ selectOn = "test", heldOutShare = 0.1, ...options }: LinearEvaluatorOptions = {}): Evaluator {
  return {
    name: "linear",
    async *run(backbone, context) {
      const { backbone: extractor, inputs } = linearInputs(backbone, options);
      const train = await extractLabelled(extractor, context.task.train, "train", context);
      const test = await extractLabelled(extractor, context.task.test, "test", context);
      const sides = selectOn === "test" ? { train } : heldOut(train, heldOutShare, context.seed);
      yield* measurements(await scores(sides, test, inputs, options, context));
    },
  };
}

interface TrainSides {
  readonly train: LabelledFeatures;
  readonly heldOut?: LabelledFeatures;
}

function heldOut(all: LabelledFeatures, share: number, seed: number): TrainSides {
  const rows = stratifiedSplit(all.labels, share, RandomStream.fromSeed(seed).split("held out"));
  if (rows.test.length === 0) {
    throw new InputError("No class has two training images, so none can be held out to select on; select on the test images.");
  }
  return { train: selectLabelled(all, rows.train), heldOut: selectLabelled(all, rows.test) };
}

interface ScoresOfHeads {
  readonly test: readonly HeadScore[];
  readonly heldOut?: readonly HeadScore[];
}

async function scores(
  { train, heldOut }: TrainSides,
  test: LabelledFeatures,
  inputs: readonly LinearInput[],
  options: LinearTraining,
  { seed, progress }: EvaluationContext,
): Promise<ScoresOfHeads> {
  const classCount = 1 + [train, test].reduce((most, { labels }) => labels.reduce((a, b) => Math.max(a, b), most), 0);
  const onProgress = (done: number, total: number) => progress?.("heads", done, total);
  const groups = await trainHeads(train, inputs, { ...options, classCount, seed, onProgress });
  try {
    const ofTest = await scoreHeads(groups, test);
    return { test: ofTest, ...(heldOut && { heldOut: await scoreHeads(groups, heldOut) }) };
  } finally {
    for (const group of groups) group.dispose();
  }
}

function* measurements({ test, heldOut }: ScoresOfHeads): Iterable<Measurement> {
  const selection = heldOut ?? test;
  // The first of the best: fewer blocks, no pooling, the smaller rate.
  const best = selection.reduce((most, { top1 }, i) => (top1 > selection[most]!.top1 ? i : most), 0);
  const chosenOn = heldOut ? "training images held out" : "the test images themselves";
  const note = `head ${test[best]!.head}, the best of ${test.length} on ${chosenOn}`;
  yield { metric: "linear.top1", value: test[best]!.top1, note };
  yield { metric: "linear.top5", value: test[best]!.top5, note };
  for (const [i, { head, top1, top5 }] of test.entries()) {
    yield { metric: `linear.${head}.top1`, value: top1 };
    yield { metric: `linear.${head}.top5`, value: top5 };
    if (heldOut) yield { metric: `linear.${head}.heldout`, value: heldOut[i]!.top1 };
  }
}
