// Training and scoring every linear head of a grid on given features (`linear-batches.ts` says where they come from).
// Legend: B rows of a batch, H heads of one input, C classes.

import { RandomStream } from "@dinov2/foundation";
import { cosineSchedule } from "@dinov2/optim";
import { tf } from "@dinov2/tensor";
import { RankCounts, type RankScore } from "./accuracy.ts";
import { type LabelledFeatures, rowRange } from "./feature-matrix.ts";
import { LinearHeads, oneHotRows } from "./linear-heads.ts";
import type { LinearInput } from "./linear-inputs.ts";
import type { Answers } from "./rank.ts";

export const OFFICIAL_LEARNING_RATES: readonly number[] = [1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1];
export const OFFICIAL_STEPS = 12_500;

export interface LinearTraining {
  readonly steps?: number;
  /** One head of each input for each; for batches of 256 rows, and in proportion for others. */
  readonly learningRates?: readonly number[];
}

export interface TrainHeadsOptions extends LinearTraining {
  readonly classCount: number;
  readonly seed: number;
  readonly onProgress?: (stepsDone: number, total: number) => void;
}

/** How one head does. */
export interface HeadScore extends RankScore {
  /** "b4.avg.lr0.01" */
  readonly head: string;
  /** As the grid has it. */
  readonly learningRate: number;
}

/**
 * One group of heads for each input, trained on as many of `batches` as there are steps: SGD with momentum 0.9 and no weight
 * decay, the rates let down to 0 along a cosine. The caller disposes them.
 *
 * Source: arXiv 2304.07193, section 7.1 and appendix B.3; `dinov2/eval/linear.py`.
 */
export async function trainHeads(
  batches: AsyncIterable<LabelledFeatures>,
  inputs: readonly LinearInput[],
  { steps = OFFICIAL_STEPS, learningRates = OFFICIAL_LEARNING_RATES, classCount, seed, onProgress }: TrainHeadsOptions,
): Promise<LinearHeads[]> {
  const random = RandomStream.fromSeed(seed).split("linear heads");
  const rates = [...new Set(learningRates)];
  const groups = inputs.map((input) => new LinearHeads(input, rates, classCount, random));
  const schedule = cosineSchedule({ baseValue: 1, finalValue: 0, totalIterations: steps });
  let step = 0;
  try {
    for await (const batch of batches) {
      stepHeads(groups, batch, (schedule.at(step) * batch.features.count) / 256);
      step++;
      onProgress?.(step, steps);
      if (step === steps) break;
      // Signals and timers have their turn.
      if (step % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  } catch (error) {
    for (const group of groups) group.dispose();
    throw error;
  }
  return groups;
}

/** One step of all heads on the same rows. */
function stepHeads(groups: readonly LinearHeads[], { features, labels }: LabelledFeatures, rateFactor: number): void {
  tf.tidy(() => {
    const batch = tf.tensor2d(features.values, [features.count, features.width]);
    const oneHot = oneHotRows(labels, groups[0]!.classCount);
    for (const group of groups) group.step(batch, oneHot, rateFactor);
  });
}

/** The accuracies of all heads on other rows, in the order of the groups and of their learning rates. */
export async function scoreHeads(groups: readonly LinearHeads[], rows: LabelledFeatures & Answers, block = 512): Promise<HeadScore[]> {
  const counts = groups.map(({ learningRates, classCount }) => learningRates.map(() => new RankCounts(classCount)));
  await inBlocks(rows, block, async (batch, start) => {
    for (const [i, group] of groups.entries()) await countRanks(group, batch, rows, start, counts[i]!);
  });
  return groups.flatMap(({ names, learningRates }, i) =>
    counts[i]!.map((ofHead, head) => ({ head: names[head]!, learningRate: learningRates[head]!, ...ofHead.score() })));
}

/** [rows] the best of the classes that may be answered for each row, by one head, whose place is that in `scoreHeads`. */
export async function predictHead(groups: readonly LinearHeads[], place: number, rows: LabelledFeatures & Answers, block = 512): Promise<Int32Array> {
  const owners = groups.flatMap((group) => group.learningRates.map((_, head) => ({ group, head })));
  const { group, head } = owners[place]!;
  const { among } = rows;
  const predictions = new Int32Array(rows.features.count);
  await inBlocks(rows, block, async (batch, start) => {
    const best = tf.tidy(() => {
      const logits = tf.reshape(group.logits(batch), [batch.shape[0], group.learningRates.length, group.classCount]);
      const ofHead = tf.squeeze(tf.slice(logits, [0, head, 0], [-1, 1, -1]), [1]); // [B, C]
      return tf.argMax(among ? tf.gather(ofHead, tf.tensor1d(among, "int32"), 1) : ofHead, 1); // [B]
    });
    try {
      predictions.set(await best.data(), start);
    } finally {
      best.dispose();
    }
  });
  return among ? predictions.map((place) => among[place]!) : predictions;
}

/** Rows as tensors, one block at a time. */
async function inBlocks({ features }: LabelledFeatures, block: number, see: (batch: tf.Tensor2D, start: number) => Promise<void>): Promise<void> {
  for (let start = 0; start < features.count; start += block) {
    const some = rowRange(features, start, Math.min(start + block, features.count));
    const batch = tf.tensor2d(some.values, [some.count, some.width]);
    try {
      await see(batch, start);
    } finally {
      batch.dispose();
    }
  }
}

async function countRanks(group: LinearHeads, batch: tf.Tensor2D, answers: Answers, firstRow: number, counts: readonly RankCounts[]): Promise<void> {
  const { classCount } = group;
  const logits = group.logits(batch); // [B, H C]
  try {
    const values = (await logits.data()) as Float32Array;
    for (let row = 0, start = 0; row < batch.shape[0]; row++) {
      for (const ofHead of counts) ofHead.add(values.subarray(start, (start += classCount)), answers, firstRow + row);
    }
  } finally {
    logits.dispose();
  }
}
