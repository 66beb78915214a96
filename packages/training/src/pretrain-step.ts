// One step of DINOv2 pretraining (arXiv 2304.07193, section 4; officially `SSLMetaArch.forward_backward`
// and the loop in `dinov2/train/train.py`). The teacher sees two whole global crops of each image and says
// what they show, as probabilities over prototypes; the student has to say the same from small local crops
// and from global crops with patches hidden. The student learns by gradient, the teacher follows as its
// moving average. Not here: what is compared with what (`step-losses.ts`); next: `train-loop.ts`, which calls this.

import { type Clipping, clipGradientsPerSubModule, parameterRates, updateTeacher } from "@dinov2/optim";
import { accumulate, type RandomStream, type Tensor, tf, valueAndGradients } from "@dinov2/tensor";
import type { TrainingBatch } from "./batch.ts";
import { type KoleoTerm, koleoTerms } from "./koleo-term.ts";
import { namedParameters } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import type { StepSettings } from "./schedules.ts";
import { partLosses, studentOutputs } from "./step-losses.ts";
import { type NextCenter, type PartTargets, teacherTargets } from "./teacher-targets.ts";
import type { TrainingState } from "./training-state.ts";

/** The part of a recipe that a step reads. */
export type StepRecipe = Pick<Recipe, "loss" | "teacher" | "efficiency"> & {
  readonly optimizer: Pick<Recipe["optimizer"], "clipNorm">;
};

/** A step's numbers, all from before the update. */
export type StepMeasures = Readonly<Record<string, number>>;

/**
 * Runs one step on `state`. With a loss or a gradient that is not finite nothing is updated: student, optimiser, teacher and
 * centres stay as they were, as when `mayUpdate` says no.
 *
 * @param batch the images of the step, or equal parts of them (gradient accumulation): the gradient is that of all together
 * @param mayUpdate asked before the update, of a step whose numbers are all finite
 * @returns by name: each loss term as it counts in the total, `total_loss`, and each sub-module's gradient norm
 *   before clipping (`gradient_norm_backbone`, …), all from before the update
 */
export async function pretrainStep(
  state: TrainingState,
  batch: TrainingBatch | readonly TrainingBatch[],
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
  batch: TrainingBatch | readonly TrainingBatch[],
  at: Pick<StepSettings, "teacherTemperature">,
  recipe: Pick<StepRecipe, "loss" | "teacher" | "efficiency">,
  random: RandomStream,
): StepGradients {
  const parts = [batch].flat() as TrainingBatch[];
  const randoms = parts.map((_, i) => random.split(i));
  const targets = teacherTargets(state, parts, at.teacherTemperature, recipe);
  const koleo = koleoTerms(state.student, parts, randoms, recipe);
  const losses: Record<string, tf.Scalar> = {};
  const gradients = new Map<string, Tensor>();
  parts.forEach((part, i) => {
    const terms = { share: 1 / parts.length, koleo: koleo[i]! };
    const found = partGradients(state, part, targets.ofPart(i), recipe, { ...terms, random: randoms[i]! });
    addTo(losses, found.losses);
    for (const [name, gradient] of found.gradients) {
      const sum = gradients.get(name);
      gradients.set(name, sum ? accumulate(sum, gradient) : gradient);
    }
  });
  return { losses, gradients, nextCenters: targets.nextCenters };
}

function partGradients(
  { student }: TrainingState,
  part: TrainingBatch,
  targets: PartTargets,
  { loss, efficiency }: Pick<StepRecipe, "loss" | "efficiency">,
  { random, ...terms }: { readonly share: number; readonly koleo: KoleoTerm; readonly random: RandomStream },
) {
  const { value, gradients, extras } = valueAndGradients(() => {
    const outputs = studentOutputs(student, part, random, efficiency);
    const { losses, total } = partLosses(outputs, targets.probabilities, part, loss, terms);
    targets.finish();
    return { value: total, extras: losses };
  }, namedParameters(student));
  return { losses: { ...extras, total_loss: value }, gradients };
}

function addTo(sums: Record<string, tf.Scalar>, terms: Readonly<Record<string, tf.Scalar>>): void {
  for (const [name, term] of Object.entries(terms)) {
    const sum = sums[name];
    sums[name] = sum ? (accumulate(sum, term) as tf.Scalar) : term;
  }
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
