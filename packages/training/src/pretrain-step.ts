// One step of DINOv2 pretraining (arXiv 2304.07193, section 4; officially `SSLMetaArch.forward_backward`
// and the loop in `dinov2/train/train.py`). The teacher sees two whole global crops of each image and says
// what they show, as probabilities over prototypes; the student has to say the same from small local crops
// and from global crops with patches hidden. The student learns by gradient, the teacher follows as its
// moving average. Not here: the losses' formulas (`@dinov2/losses`); next: `train-loop.ts`, which calls this.
//
// B images; 2 global crops of each, L local ones, stacked crop by crop: all images' first, all images'
// second, …; N patches of a global crop, M hidden ones in all 2B crops; D width, K prototypes.

import { centeredSoftmax, dinoLoss, ibotLoss, koleoLoss, sinkhornKnopp, updateCenter } from "@dinov2/losses";
import { clipGradientsPerSubModule, parameterRates, updateTeacher } from "@dinov2/optim";
import { type RandomStream, type Tensor, type Tensor2D, tf, valueAndGradients } from "@dinov2/tensor";
import type { TrainingBatch } from "./batch.ts";
import { headOutputs, splitRows } from "./head-outputs.ts";
import { type Network, namedParameters } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import type { StepSettings } from "./schedules.ts";
import type { TrainingState } from "./training-state.ts";

/** The part of a recipe that a step reads. */
export type StepRecipe = Pick<Recipe, "loss" | "teacher"> & {
  readonly optimizer: Pick<Recipe["optimizer"], "clipNorm">;
};

/**
 * Runs one step on `state`.
 *
 * @returns by name: each loss term as it counts in the total, `total_loss`, and each sub-module's gradient norm
 *   before clipping (`gradient_norm_backbone`, …), all from before the update
 */
export async function pretrainStep(
  state: TrainingState,
  batch: TrainingBatch,
  at: StepSettings,
  recipe: StepRecipe,
  random: RandomStream,
): Promise<Record<string, number>> {
  const { losses, norms } = tf.tidy(() => {
    const { losses, gradients } = stepGradients(state, batch, at, recipe, random);
    return { losses, norms: update(state, gradients, at, recipe.optimizer.clipNorm) };
  });
  return { ...(await readScalars(losses)), ...norms };
}

/**
 * The step without the update: losses, and the gradient of their total for each parameter of the student. Changes
 * nothing but the centres, if there are any.
 */
export function stepGradients(
  state: TrainingState,
  batch: TrainingBatch,
  at: Pick<StepSettings, "teacherTemperature">,
  recipe: Pick<StepRecipe, "loss" | "teacher">,
  random: RandomStream,
): { losses: Record<string, tf.Scalar>; gradients: Map<string, Tensor> } {
  const targets = tf.tidy(() => teacherTargets(state, batch, at.teacherTemperature, recipe.teacher));
  return lossGradients(
    state.student,
    () => lossTerms(studentOutputs(state.student, batch, random), targets, batch, recipe.loss),
    targets,
  );
}

/** What the student should say, as probabilities. */
type TeacherTargets = {
  readonly first: Tensor2D; // [B, K] of the class token of each image's first global crop
  readonly second: Tensor2D; // [B, K] of its second
  readonly hiddenPatches: Tensor2D | undefined; // [M, K]
};

function teacherTargets(
  { teacher, centers }: TrainingState,
  batch: TrainingBatch,
  temperature: number,
  recipe: Recipe["teacher"],
): TeacherTargets {
  // The teacher sees every patch.
  const { cls, hiddenPatches } = headOutputs(teacher, [{ images: batch.globalCrops }], batch.maskIndices);

  const probabilities = (logits: Tensor2D, center: tf.Variable<tf.Rank.R2> | undefined): Tensor2D => {
    if (!center) return sinkhornKnopp(logits, temperature);
    const targets = centeredSoftmax(logits, center, temperature);
    // After use: a batch is centred by the batches before it.
    center.assign(updateCenter(center, logits, recipe.centerMomentum));
    return targets;
  };
  const [first, second] = tf.split(probabilities(cls, centers?.dino), 2) as [Tensor2D, Tensor2D];
  return { first, second, hiddenPatches: hiddenPatches && probabilities(hiddenPatches, centers?.ibot) };
}

/** What the student says, as logits, and the features it says it from. */
interface StudentOutputs {
  readonly globalCls: Tensor2D; // [2B, K] of crops with hidden patches
  readonly localCls: Tensor2D | undefined; // [L·B, K]
  readonly hiddenPatches: Tensor2D | undefined; // [M, K]
  readonly globalFeatures: Tensor2D; // [2B, D], class tokens before the head
}

function studentOutputs(student: Network, batch: TrainingBatch, random: RandomStream): StudentOutputs {
  const { globalCrops, localCrops, masks, maskIndices } = batch;
  const crops = [{ images: globalCrops, masks }, ...(localCrops ? [{ images: localCrops }] : [])];
  // One pass for all crops, with stochastic depth.
  const outputs = headOutputs(student, crops, maskIndices, { training: true, random });
  const [globalCls, localCls] = splitRows(outputs.cls, globalCrops.shape[0]);
  const [globalFeatures] = splitRows(outputs.features, globalCrops.shape[0]);
  return { globalCls, localCls, hiddenPatches: outputs.hiddenPatches, globalFeatures };
}

/** A summand of the loss: `weight · value()` counts in the total and is logged under the name. */
interface LossTerm {
  readonly name: string;
  readonly weight: number;
  value(): tf.Scalar;
}

function lossTerms(
  student: StudentOutputs,
  teacher: TeacherTargets,
  batch: TrainingBatch,
  recipe: Recipe["loss"],
): LossTerm[] {
  const { globalCls, localCls, hiddenPatches, globalFeatures } = student;
  const { first, second } = teacher;
  const images = first.shape[0];
  const localCount = localCls ? localCls.shape[0] / images : 0;
  const temperature = recipe.studentTemperature;
  // Both DINO terms are parts of one mean over the pairs of two different crops of an image: each of the 2 global
  // crops against the other one, and L local ones against both. (Without any, the official code still counts one.)
  const pairs = 2 + Math.max(2 * localCount, 1);
  return [
    {
      name: "dino_local_crops_loss",
      weight: localCls ? recipe.dinoWeight / pairs : 0,
      value: () => dinoLoss(tf.split(localCls!, localCount) as Tensor2D[], [first, second], temperature),
    },
    {
      name: "dino_global_crops_loss",
      // A mean over 2B rows, first against second and second against first: two pairs.
      weight: (recipe.dinoWeight * 2) / pairs,
      value: () => dinoLoss([globalCls], [tf.concat<Tensor2D>([second, first])], temperature),
    },
    {
      name: "koleo_loss",
      weight: recipe.koleoWeight,
      // Each view by itself: two views of one image would be each other's nearest neighbours.
      value: () => {
        const views = tf.split(globalFeatures, 2) as Tensor2D[]; // 2 × [B, D]
        return tf.addN((recipe.koleoCrops === "both" ? views : views.slice(0, 1)).map((view) => koleoLoss(view)));
      },
    },
    {
      name: "ibot_loss",
      weight: hiddenPatches ? recipe.ibotWeight : 0,
      value: () => ibotLoss(hiddenPatches!, teacher.hiddenPatches!, batch.maskWeights, 2 * images, temperature),
    },
  ];
}

/**
 * The terms as they count in the total, the total, and its gradient for each parameter that has one. Takes the targets:
 * once the terms are there the tape alone holds them, and lets each go as soon as its gradient is made.
 */
function lossGradients(student: Network, terms: () => LossTerm[], targets: TeacherTargets) {
  const { value, gradients, extras } = valueAndGradients(() => {
    const losses: Record<string, tf.Scalar> = {};
    for (const { name, weight, value } of terms()) {
      if (weight > 0) losses[name] = tf.mul<tf.Scalar>(value(), weight);
    }
    tf.dispose(targets);
    return { value: tf.addN(Object.values(losses)), extras: losses };
  }, namedParameters(student));
  return { losses: { ...extras, total_loss: value }, gradients };
}

/** Clips, lets the student learn, then lets the teacher follow. Returns the gradients' norms before clipping. */
function update(
  { student, teacher, optimizer, groups }: TrainingState,
  gradients: Map<string, Tensor>,
  at: StepSettings,
  clipNorm: number | null,
): Record<string, number> {
  const clipping = clipGradientsPerSubModule(gradients, clipNorm ?? Infinity);
  optimizer.apply(gradients, parameterRates(groups, at), clipping);
  updateTeacher(namedParameters(teacher), namedParameters(student), at.teacherMomentum);
  return Object.fromEntries([...clipping.norms].map(([name, norm]) => [`gradient_norm_${name}`, norm]));
}

/** Reads all scalars at once, and disposes of them. */
async function readScalars(scalars: Readonly<Record<string, tf.Scalar>>): Promise<Record<string, number>> {
  const stacked = tf.stack(Object.values(scalars));
  const values = await stacked.data();
  tf.dispose([stacked, ...Object.values(scalars)]);
  return Object.fromEntries(Object.keys(scalars).map((name, i) => [name, values[i]!]));
}
