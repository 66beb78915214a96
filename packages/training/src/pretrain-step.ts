// One step of DINOv2 pretraining (arXiv 2304.07193, section 4; officially `SSLMetaArch.forward_backward`
// and the loop in `dinov2/train/train.py`). The teacher sees two whole global crops of each image and says
// what they show, as probabilities over prototypes; the student has to say the same from small local crops
// and from global crops with patches hidden. The student learns by gradient, the teacher follows as its
// moving average. Not here: the losses' formulas (`@dinov2/losses`); next: `train-loop.ts`, which calls this.
//
// B images; 2 global crops of each, L local ones, stacked crop by crop: all images' first, all images'
// second, …; N patches of a global crop, M hidden ones in all 2B crops; D width.

import { koleoLoss, pairedRowsLoss, type RowPair } from "@dinov2/losses";
import { type Clipping, clipGradientsPerSubModule, parameterRates, updateTeacher } from "@dinov2/optim";
import { type RandomStream, type Tensor, type Tensor1D, type Tensor2D, tf, valueAndGradients } from "@dinov2/tensor";
import type { TrainingBatch } from "./batch.ts";
import { headOutputs, type ProjectedRows, splitRows } from "./head-outputs.ts";
import { type Network, namedParameters } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import type { StepSettings } from "./schedules.ts";
import { type NextCenter, type TeacherTargets, teacherTargets } from "./teacher-targets.ts";
import type { TrainingState } from "./training-state.ts";

/** The part of a recipe that a step reads. */
export type StepRecipe = Pick<Recipe, "loss" | "teacher"> & {
  readonly optimizer: Pick<Recipe["optimizer"], "clipNorm">;
};

/** A step's numbers, all from before the update. */
export type StepMeasures = Readonly<Record<string, number>>;

/**
 * Runs one step on `state`. With a loss or a gradient that is not finite nothing is updated: student, optimiser, teacher and
 * centres stay as they were, as when `mayUpdate` says no.
 *
 * @param mayUpdate asked before the update, of a step whose numbers are all finite
 * @returns by name: each loss term as it counts in the total, `total_loss`, and each sub-module's gradient norm
 *   before clipping (`gradient_norm_backbone`, …), all from before the update
 */
export async function pretrainStep(
  state: TrainingState,
  batch: TrainingBatch,
  at: StepSettings,
  recipe: StepRecipe,
  random: RandomStream,
  mayUpdate: (measures: StepMeasures) => boolean = () => true,
): Promise<StepMeasures> {
  return tf.tidy(() => {
    const found = stepGradients(state, batch, at, recipe, random);
    const clipping = clipGradientsPerSubModule(found.gradients, recipe.optimizer.clipNorm ?? Infinity);
    const measures = { ...readScalars(found.losses), ...gradientNorms(clipping) };
    if (isFiniteStep(measures) && mayUpdate(measures)) update(state, found, at, clipping);
    return measures;
  });
}

/** Whether a step's losses and gradients are all numbers. */
export const isFiniteStep = (measures: StepMeasures): boolean => Object.values(measures).every(Number.isFinite);

/** What a batch asks for. */
export interface StepGradients {
  readonly losses: Record<string, tf.Scalar>;
  /** Of the total loss, for each parameter of the student. */
  readonly gradients: Map<string, Tensor>;
  /** What the centres become, if there are any. */
  readonly nextCenters: readonly NextCenter[];
}

/** The step without the update. Changes nothing. */
export function stepGradients(
  state: TrainingState,
  batch: TrainingBatch,
  at: Pick<StepSettings, "teacherTemperature">,
  recipe: Pick<StepRecipe, "loss" | "teacher">,
  random: RandomStream,
): StepGradients {
  const targets = teacherTargets(state, batch, at.teacherTemperature, recipe.teacher);
  const { value, gradients, extras } = valueAndGradients(() => {
    const { losses, total } = stepLosses(studentOutputs(state.student, batch, random), targets, batch, recipe.loss);
    targets.finish();
    return { value: total, extras: losses };
  }, namedParameters(state.student));
  return { losses: { ...extras, total_loss: value }, gradients, nextCenters: targets.nextCenters };
}

/** What the student makes of the crops. */
interface StudentOutputs {
  readonly projected: readonly ProjectedRows[]; // class tokens [2B + L·B], then hidden patches [M], by one head or two
  readonly globalFeatures: Tensor2D; // [2B, D], class tokens before the head
}

function studentOutputs(student: Network, batch: TrainingBatch, random: RandomStream): StudentOutputs {
  const { globalCrops, localCrops, masks, maskIndices } = batch;
  const crops = [{ images: globalCrops, masks }, ...(localCrops ? [{ images: localCrops }] : [])];
  // One pass for all crops, with stochastic depth.
  const { features, projected } = headOutputs(student, crops, maskIndices, { training: true, random });
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

function pairTerms(batch: TrainingBatch, recipe: Recipe["loss"]): PairTerm[] {
  const globals = batch.globalCrops.shape[0]; // 2B
  const images = globals / 2;
  const locals = batch.localCrops?.shape[0] ?? 0;
  const hidden = batch.maskIndices.length;
  // Both DINO terms are parts of one mean over the pairs of two different crops of an image: each of the 2 global
  // crops against the other one, and L local ones against both. (Without any, the official code still counts one.)
  const ofImage = recipe.dinoWeight / (2 + Math.max((2 * locals) / images, 1)) / images;
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
      weights: tf.mul(batch.maskWeights, recipe.ibotWeight / globals),
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
  targets: TeacherTargets,
  temperature: number,
  losses: Record<string, tf.Scalar>,
): tf.Scalar {
  const pairs = terms.flatMap((term) => term.pairs.map((pair) => ({ ...pair, student: pair.student - firstRow })));
  const weights = tf.concat<Tensor1D>(terms.map((term) => term.weights));
  const paired = pairedRowsLoss(rows, head.prototypes, pairs, weights, targets.probabilities, temperature);
  const parts = tf.split(paired.losses, terms.map((term) => term.pairs.length));
  terms.forEach(({ name }, i) => (losses[name] = tf.sum<tf.Scalar>(parts[i]!)));
  return paired.total;
}

/** Each view by itself: two views of one image would be each other's nearest neighbours. */
function koleo(globalFeatures: Tensor2D, { koleoWeight, koleoCrops }: Recipe["loss"]): tf.Scalar {
  const views = tf.split(globalFeatures, 2) as Tensor2D[]; // 2 × [B, D]
  const used = koleoCrops === "both" ? views : views.slice(0, 1);
  return tf.mul(tf.addN(used.map((view) => koleoLoss(view))), koleoWeight);
}

/** The losses by name, each as it counts in the total, and the total. */
function stepLosses(
  { projected, globalFeatures }: StudentOutputs,
  targets: TeacherTargets,
  batch: TrainingBatch,
  recipe: Recipe["loss"],
): { losses: Record<string, tf.Scalar>; total: tf.Scalar } {
  const losses: Record<string, tf.Scalar> = {};
  const parts: tf.Scalar[] = [];
  const terms = pairTerms(batch, recipe);
  let firstRow = 0;
  for (const part of projected) {
    const end = firstRow + part.rows.shape[0];
    const own = terms.filter(({ pairs }) => pairs[0]!.student >= firstRow && pairs[0]!.student < end);
    if (own.length > 0) parts.push(headLoss(part, firstRow, own, targets, recipe.studentTemperature, losses));
    firstRow = end;
  }
  if (recipe.koleoWeight > 0) parts.push((losses.koleo_loss = koleo(globalFeatures, recipe)));
  return { losses, total: tf.addN(parts) };
}

/** Lets the student learn, then lets the teacher and the centres follow. */
function update(
  { student, teacher, optimizer, groups }: TrainingState,
  { gradients, nextCenters }: StepGradients,
  at: StepSettings,
  clipping: Clipping,
): void {
  optimizer.apply(gradients, parameterRates(groups, at), clipping);
  updateTeacher(namedParameters(teacher), namedParameters(student), at.teacherMomentum);
  for (const { center, next } of nextCenters) center.assign(next);
}

const gradientNorms = ({ norms }: Clipping): Record<string, number> =>
  Object.fromEntries([...norms].map(([name, norm]) => [`gradient_norm_${name}`, norm]));

/** Reads all scalars at once. */
function readScalars(scalars: Readonly<Record<string, tf.Scalar>>): Record<string, number> {
  const values = tf.stack(Object.values(scalars)).dataSync();
  return Object.fromEntries(Object.keys(scalars).map((name, i) => [name, values[i]!]));
}
