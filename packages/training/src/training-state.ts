// What a run carries from step to step, made for a recipe or read back from a checkpoint.

import { initialCenter } from "@dinov2/losses";
import { type AdamW, createAdamW, type ParameterGroup, parameterGroups } from "@dinov2/optim";
import { RandomStream, tf } from "@dinov2/tensor";
import {
  backboneConfig,
  copyParameters,
  createNetwork,
  disposeNetwork,
  namedParameters,
  type Network,
} from "./network.ts";
import type { Recipe } from "./recipe.ts";

/** All that a step changes. */
export interface TrainingState {
  readonly student: Network;
  /** The student's moving average. */
  readonly teacher: Network;
  readonly optimizer: AdamW;
  /** Each parameter's own share of learning rate and weight decay. */
  readonly groups: ReadonlyMap<string, ParameterGroup>;
  /** Running means of the teacher's logits, [1, K] each, over the batches so far; null with Sinkhorn-Knopp. */
  readonly centers: { readonly dino: tf.Variable<tf.Rank.R2>; readonly ibot: tf.Variable<tf.Rank.R2> } | null;
}

/** A run's state before its first step: random student, teacher equal to it, no moments. */
export function createTrainingState(recipe: Recipe): TrainingState {
  const random = RandomStream.fromSeed(recipe.seed).split("weights");
  const config = backboneConfig(recipe);
  const student = createNetwork(config, recipe.heads, random);
  const teacher = createNetwork({ ...config, dropPathRate: 0 }, recipe.heads, random);
  copyParameters(student, teacher);
  const parameters = namedParameters(student);
  const { beta1, beta2, epsilon, layerwiseDecay, patchEmbedMultiplier } = recipe.optimizer;
  return {
    student,
    teacher,
    optimizer: createAdamW(parameters, { beta1, beta2, epsilon }),
    groups: parameterGroups(parameters.keys(), { layerwiseDecay, patchEmbedMultiplier, depth: config.depth }),
    centers: createCenters(recipe),
  };
}

function createCenters({ heads, teacher }: Recipe): TrainingState["centers"] {
  if (teacher.targets === "sinkhorn-knopp") return null;
  const center = (prototypes: number) =>
    tf.tidy(() => tf.variable(initialCenter(prototypes), false) as tf.Variable<tf.Rank.R2>);
  return {
    dino: center(heads.dino.prototypes),
    ibot: center((heads.ibot.separate ? heads.ibot : heads.dino).prototypes),
  };
}

export function disposeTrainingState({ student, teacher, optimizer, centers }: TrainingState): void {
  disposeNetwork(student);
  disposeNetwork(teacher);
  optimizer.dispose();
  if (centers) tf.dispose([centers.dino, centers.ibot]);
}
