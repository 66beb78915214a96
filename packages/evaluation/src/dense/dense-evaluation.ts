// The evaluations of pixels: a head is trained on pairs of an image and a map, or comes from a file, and answers for the pixels of
// other pairs. What a pair, a head and a score are, each evaluator says.

import type { DenseDataset, RgbImage } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import type { FrozenBackbone } from "../backbone.ts";
import type { Detail, PictureDetail } from "../details.ts";
import type { EvaluationWatcher, Measurement } from "../evaluator.ts";
import { evenlySpread } from "./figures.ts";
import { headWeights, type HeadTensors, loadHead, type TrainedHead } from "./head-weights.ts";

/** Pairs on two sides; values mean the same on both. */
export interface DenseTask<Dataset> {
  /** Not read where the head is trained already. */
  readonly train?: Dataset;
  readonly test: Dataset;
}

export interface DenseContext<Task> extends EvaluationWatcher {
  readonly task: Task;
  readonly seed: number;
  /** A head to measure as it is; without it one is trained. */
  readonly trainedHead?: TrainedHead;
  /** Takes the head that was trained, figures of some test images, and what else there is to look at. */
  found?(detail: Detail): void | Promise<void>;
  /** How many figures, of images evenly spread over the test set. */
  readonly figures?: number;
}

export interface DenseEvaluator<Name extends string, Context> {
  readonly name: Name;
  run(backbone: FrozenBackbone, context: Context): AsyncIterable<Measurement>;
}

interface HeadSteps<Dataset> {
  readonly probe: { readonly head: { readonly tensors: HeadTensors }; dispose(): void };
  train(dataset: Dataset): Promise<void>;
  test(): AsyncIterable<Measurement>;
}

/** Trains the probe's head, or gives it the weights of a trained one, then tests it. The probe is disposed. */
export async function* evaluateHead<Dataset>(
  { task, trainedHead, found }: DenseContext<DenseTask<Dataset>>,
  { probe, train, test }: HeadSteps<Dataset>,
): AsyncIterable<Measurement> {
  const { tensors } = probe.head;
  try {
    if (trainedHead) {
      loadHead(tensors, trainedHead);
    } else {
      if (!task.train) throw new InputError("There are no pairs to train a head on; name some, or a head that is trained.");
      await train(task.train);
      await found?.({ detail: "head", weights: await headWeights(tensors) });
    }
    yield* test();
  } finally {
    probe.dispose();
  }
}

/** @throws InputError when there is nothing to test on. @param what the map is called in the message */
export function requirePairs({ test }: { readonly test: DenseDataset<unknown> }, what: string): void {
  if (test.length === 0) throw new InputError(`There is no pair of an image and ${what} to test on; name a split that has some.`);
}

/** What is done with one test pair, and how it is shown. */
interface PairTest<Pair, Answer> {
  read(index: number): Promise<Pair>;
  answer(pair: Pair): Promise<Answer>;
  score(answer: Answer, pair: Pair): void;
  readonly figure: { draw(pair: Pair, answer: Answer): RgbImage } & Pick<PictureDetail, "folder" | "caption">;
}

/** Answers and scores every test pair, and gives figures of some. */
export async function testPairs<Pair, Answer>(
  { task: { test }, progress, found, figures = 8 }: DenseContext<DenseTask<DenseDataset<unknown>>>,
  { read, answer, score, figure: { draw, folder, caption } }: PairTest<Pair, Answer>,
): Promise<void> {
  const shown = found ? evenlySpread(figures, test.length) : new Set();
  progress?.("testing", 0, test.length);
  for (let index = 0; index < test.length; index++) {
    const pair = await read(index);
    const answered = await answer(pair);
    score(answered, pair);
    if (shown.has(index)) await found!({ detail: "picture", folder, name: test.name(index), caption, image: draw(pair, answered) });
    progress?.("testing", index + 1, test.length);
  }
}
