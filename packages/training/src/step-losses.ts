// The loss of one part of a step: which rows of student and teacher are compared, and what each comparison counts. The formulas
// are in `@dinov2/losses`, KoLeo's part in `koleo-term.ts`; the step that takes the gradient is in `pretrain-step.ts`.
//
// B images of the part; 2 global crops of each, L local ones, stacked crop by crop: all images' first, all images'
// second, …; M hidden patches in all 2B crops; D width.

import { pairedRowsLoss, type RowPair, type TargetProbabilities } from "@dinov2/losses";
import { type RandomStream, type Tensor1D, type Tensor2D, tf } from "@dinov2/tensor";
import type { TrainingBatch } from "./batch.ts";
import { headOutputs, type ProjectedRows, splitRows, withStochasticDepth } from "./head-outputs.ts";
import type { KoleoTerm } from "./koleo-term.ts";
import type { Network } from "./network.ts";
import type { Recipe } from "./recipe.ts";

/** What the student makes of the crops. */
export interface StudentOutputs {
  readonly projected: readonly ProjectedRows[]; // class tokens [2B + L·B], then hidden patches [M], by one head or two
  readonly globalFeatures: Tensor2D; // [2B, D], class tokens before the head
}

export function studentOutputs(
  student: Network,
  batch: TrainingBatch,
  random: RandomStream,
  efficiency: Recipe["efficiency"],
): StudentOutputs {
  const { packCrops, headsOnHiddenOnly, recomputeBlocks } = efficiency;
  const { globalCrops, localCrops, masks, maskIndices } = batch;
  const crops = [{ images: globalCrops, masks }, ...(localCrops ? [{ images: localCrops }] : [])];
  const ways = { packCrops, headsOnHiddenOnly, recompute: recomputeBlocks };
  const { features, projected } = headOutputs(student, crops, maskIndices, { ...withStochasticDepth(random, efficiency), ...ways });
  const [globalFeatures] = splitRows(features, globalCrops.shape[0]);
  return { projected, globalFeatures };
}

/** A summand of the loss that compares rows of student and teacher, each counted through class tokens and hidden patches. */
interface PairTerm {
  readonly name: string;
  readonly pairs: readonly RowPair[];
  /** What each pair counts in the total. */
  readonly weights: Tensor1D;
}

/** @param share of the part in the loss of the step: one over the number of parts */
function pairTerms(batch: TrainingBatch, recipe: Recipe["loss"], share: number): PairTerm[] {
  const globals = batch.globalCrops.shape[0]; // 2B
  const images = globals / 2;
  const locals = batch.localCrops?.shape[0] ?? 0;
  const hidden = batch.maskIndices.length;
  // Both DINO terms are parts of one mean over the pairs of two different crops of an image: each of the 2 global
  // crops against the other one, and L local ones against both. (Without any, the official code still counts one.)
  const ofImage = (share * recipe.dinoWeight) / (2 + Math.max((2 * locals) / images, 1)) / images;
  const rows = (count: number, pairOf: (i: number) => RowPair) => Array.from({ length: count }, (_, i) => pairOf(i));
  const terms = [
    {
      name: "dino_local_crops_loss",
      pairs: rows(locals, (i) => ({ student: globals + i, teacher: [i % images, images + (i % images)] })),
      weights: tf.fill([locals], ofImage),
      weight: recipe.dinoWeight,
    },
    {
      name: "dino_global_crops_loss",
      pairs: rows(globals, (i) => ({ student: i, teacher: [(i + images) % globals] })),
      weights: tf.fill([globals], ofImage),
      weight: recipe.dinoWeight,
    },
    {
      name: "ibot_loss",
      pairs: rows(hidden, (i) => ({ student: globals + locals + i, teacher: [globals + i] })),
      weights: tf.mul(batch.maskWeights, (share * recipe.ibotWeight) / globals),
      weight: recipe.ibotWeight,
    },
  ];
  return terms.filter(({ weight, pairs }) => weight > 0 && pairs.length > 0) as PairTerm[];
}

/** The terms whose rows go through one head, which share one pass over its prototypes. Returns their sum. */
function headLoss(
  { head, rows }: ProjectedRows,
  firstRow: number,
  terms: readonly PairTerm[],
  targets: TargetProbabilities,
  temperature: number,
  losses: Record<string, tf.Scalar>,
): tf.Scalar {
  const pairs = terms.flatMap((term) => term.pairs.map((pair) => ({ ...pair, student: pair.student - firstRow })));
  const weights = tf.concat<Tensor1D>(terms.map((term) => term.weights));
  const paired = pairedRowsLoss(rows, head.prototypes, pairs, weights, targets, temperature);
  const parts = tf.split(paired.losses, terms.map((term) => term.pairs.length));
  terms.forEach(({ name }, i) => (losses[name] = tf.sum<tf.Scalar>(parts[i]!)));
  return paired.total;
}

/** The losses by name, each as it counts in the total of the step, and their sum. */
export function partLosses(
  { projected, globalFeatures }: StudentOutputs,
  targets: TargetProbabilities,
  batch: TrainingBatch,
  recipe: Recipe["loss"],
  { share, koleo }: { readonly share: number; readonly koleo: KoleoTerm },
): { losses: Record<string, tf.Scalar>; total: tf.Scalar } {
  const losses: Record<string, tf.Scalar> = {};
  const parts: tf.Scalar[] = [];
  const terms = pairTerms(batch, recipe, share);
  let firstRow = 0;
  for (const part of projected) {
    const end = firstRow + part.rows.shape[0];
    const own = terms.filter(({ pairs }) => pairs[0]!.student >= firstRow && pairs[0]!.student < end);
    if (own.length > 0) parts.push(headLoss(part, firstRow, own, targets, recipe.studentTemperature, losses));
    firstRow = end;
  }
  if (recipe.koleoWeight > 0) parts.push((losses.koleo_loss = koleo(globalFeatures)));
  return { losses, total: tf.addN(parts) };
}
