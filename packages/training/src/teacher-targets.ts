// What the teacher says of a batch, as the losses ask for it: probabilities over the prototypes for some rows at a time. With centring
// these are made from the head's projected rows when they are asked for, so that no [2B + M, K] is ever there; Sinkhorn-Knopp
// balances over all rows, and needs them at once.
//
// 2B rows of class tokens, then M of hidden patches; K prototypes.

import { sinkhornKnopp, type TargetProbabilities, updateCenterFrom } from "@dinov2/losses";
import { gatherRows, prototypeTargets, scaledPrototypes, type Tensor2D, tf } from "@dinov2/tensor";
import type { DinoHead } from "@dinov2/vit";
import type { TrainingBatch } from "./batch.ts";
import { headOutputs, splitRows } from "./head-outputs.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainingState } from "./training-state.ts";

export interface TeacherTargets {
  /** Of rows counted through class tokens and patches, ascending, all of them by one head. */
  readonly probabilities: TargetProbabilities;
  /** What the centres become if the step counts: a batch is centred by those before it. The caller's to assign and dispose of. */
  readonly nextCenters: readonly NextCenter[];
  /** Gives memory back, once the losses are made. */
  finish(): void;
}

export interface NextCenter {
  readonly center: tf.Variable<tf.Rank.R2>;
  readonly next: Tensor2D; // [1, K]
}

/** Some rows' targets, by a centre or an assignment of their own. */
interface Group extends TeacherTargets {
  readonly count: number;
}

export function teacherTargets(
  state: TrainingState,
  batch: TrainingBatch,
  temperature: number,
  recipe: Recipe["teacher"],
): TeacherTargets {
  const { dinoHead, ibotHead } = state.teacher;
  const [cls, hiddenPatches] = projectedRows(state, batch);
  const { dino, ibot } = state.centers ?? {};
  const groupOf = (head: DinoHead, projected: Tensor2D, center: tf.Variable<tf.Rank.R2> | undefined): Group =>
    center
      ? centredRows(head, projected, center, temperature, recipe.centerMomentum)
      : assignedRows(head, projected, temperature);
  const groups = [groupOf(dinoHead, cls, dino), ...(hiddenPatches ? [groupOf(ibotHead ?? dinoHead, hiddenPatches, ibot)] : [])];
  return {
    probabilities: overGroups(groups),
    nextCenters: groups.flatMap(({ nextCenters }) => nextCenters),
    finish: () => groups.forEach((group) => group.finish()),
  };
}

/** Class tokens [2B, bottleneck] and hidden patches [M, bottleneck]. The teacher sees every patch. */
function projectedRows({ teacher }: TrainingState, batch: TrainingBatch): [Tensor2D, Tensor2D?] {
  return tf.tidy(() => {
    const { projected } = headOutputs(teacher, [{ images: batch.globalCrops }], batch.maskIndices);
    const [first, second] = projected.map(({ rows }) => rows);
    const [cls, patches] = second ? [first!, second] : splitRows(first!, batch.globalCrops.shape[0]);
    return patches ? [cls, patches] : [cls];
  });
}

function centredRows(
  { prototypes }: DinoHead,
  projected: Tensor2D,
  center: tf.Variable<tf.Rank.R2>,
  temperature: number,
  momentum: number,
): Group {
  const scaled = scaledPrototypes(prototypes);
  return {
    count: projected.shape[0],
    probabilities: (rows) =>
      tf.tidy(() => prototypeTargets(gatherRows(projected, rows) as Tensor2D, scaled, center, temperature)),
    nextCenters: [{ center, next: updateCenterFrom(center, projected, scaled, momentum) }],
    finish: () => tf.dispose([projected, scaled.scale]),
  };
}

function assignedRows(head: DinoHead, projected: Tensor2D, temperature: number): Group {
  const assignment = tf.tidy(() => sinkhornKnopp(head.logits(projected), temperature)); // [R, K]
  projected.dispose();
  return {
    count: assignment.shape[0],
    probabilities: (rows) => gatherRows(assignment, rows) as Tensor2D,
    nextCenters: [],
    finish: () => assignment.dispose(),
  };
}

/** Rows counted through the groups, one after the other. */
function overGroups(groups: readonly Group[]): TargetProbabilities {
  return (rows) => {
    let start = 0;
    const parts = groups.flatMap(({ count, probabilities }) => {
      const own = rows.filter((row) => row >= start && row < start + count).map((row) => row - start);
      start += count;
      return own.length > 0 ? [probabilities(own)] : [];
    });
    if (parts.length === 1) return parts[0]!;
    const joined = tf.concat<Tensor2D>(parts);
    tf.dispose(parts);
    return joined;
  };
}
