// What the teacher says of a batch, as the losses ask for it: probabilities over the prototypes for some rows at a time. With centring
// these are made from the head's projected rows when they are asked for, so that no [2B + M, K] is ever there; Sinkhorn-Knopp
// balances over all rows, and needs them at once. A step in parts (gradient accumulation) has one centre, and by default one assignment.
//
// A part has 2B rows of class tokens, then M of hidden patches; R rows of a kind in all parts; K prototypes.

import { sinkhornKnopp, type TargetProbabilities, updateCenterFrom } from "@dinov2/losses";
import { gatherRows, prototypeTargets, scaledPrototypes, type Tensor2D, tf } from "@dinov2/tensor";
import type { DinoHead } from "@dinov2/vit";
import type { TrainingBatch } from "./batch.ts";
import { headOutputs, splitRows } from "./head-outputs.ts";
import type { Recipe } from "./recipe.ts";
import type { TrainingState } from "./training-state.ts";

/** Of one step, in one part or several. */
export interface TeacherTargets {
  /** Each part once, in order. */
  ofPart(part: number): PartTargets;
  /** What the centres become if the step counts: a batch is centred by those before it. The caller's to assign and dispose of. */
  readonly nextCenters: readonly NextCenter[];
}

export interface PartTargets {
  /** Of rows counted through class tokens and patches, ascending, all of them by one head. */
  readonly probabilities: TargetProbabilities;
  /** Gives memory back, once the losses are made. */
  finish(): void;
}

export interface NextCenter {
  readonly center: tf.Variable<tf.Rank.R2>;
  readonly next: Tensor2D; // [1, K]
}

/** All parts' rows of a kind. */
interface Rows {
  readonly head: DinoHead;
  readonly projected: Tensor2D; // [R, bottleneck]
  /** Of each part. */
  readonly counts: readonly number[];
}

/** Their targets, by a centre or an assignment of their own. */
interface Group extends TeacherTargets {
  readonly counts: readonly number[];
}

export function teacherTargets(
  state: TrainingState,
  parts: readonly TrainingBatch[],
  temperature: number,
  { teacher: recipe, efficiency }: Pick<Recipe, "teacher" | "efficiency">,
): TeacherTargets {
  const { cls, hiddenPatches } = projectedRows(state, parts, efficiency);
  const { dino, ibot } = state.centers ?? {};
  const groupOf = (rows: Rows, center: tf.Variable<tf.Rank.R2> | undefined): Group => {
    if (center) return centredRows(rows, center, temperature, recipe.centerMomentum);
    return recipe.sinkhornOver === "step" ? assignedTogether(rows, temperature) : assignedByPart(rows, temperature);
  };
  const groups = [groupOf(cls, dino), ...(hiddenPatches ? [groupOf(hiddenPatches, ibot)] : [])];
  return {
    ofPart(part) {
      const own = groups.map((group) => ({ count: group.counts[part]!, ...group.ofPart(part) }));
      return { probabilities: overGroups(own), finish: () => own.forEach(({ finish }) => finish()) };
    },
    nextCenters: groups.flatMap(({ nextCenters }) => nextCenters),
  };
}

/** The teacher sees every patch, part by part. */
function projectedRows(
  { teacher }: TrainingState,
  parts: readonly TrainingBatch[],
  { headsOnHiddenOnly }: Recipe["efficiency"],
): { cls: Rows; hiddenPatches: Rows | undefined } {
  const ofParts = parts.map((part) =>
    tf.tidy(() => {
      const crops = [{ images: part.globalCrops }];
      const { projected } = headOutputs(teacher, crops, part.maskIndices, { headsOnHiddenOnly });
      const [first, second] = projected.map(({ rows }) => rows);
      const [cls, patches] = second ? [first!, second] : splitRows(first!, part.globalCrops.shape[0]);
      return patches ? [cls, patches] : [cls];
    }),
  ) as [Tensor2D, Tensor2D?][];
  const joined = (head: DinoHead, rows: readonly (Tensor2D | undefined)[]): Rows => {
    const there = rows.filter((each) => each !== undefined);
    const projected = there.length === 1 ? there[0]! : tf.concat<Tensor2D>(there);
    if (there.length > 1) tf.dispose(there);
    return { head, projected, counts: rows.map((each) => each?.shape[0] ?? 0) };
  };
  const patches = ofParts.map(([, each]) => each);
  return {
    cls: joined(teacher.dinoHead, ofParts.map(([each]) => each)),
    hiddenPatches: patches.some((each) => each !== undefined) ? joined(teacher.ibotHead ?? teacher.dinoHead, patches) : undefined,
  };
}

function centredRows(
  { head, projected, counts }: Rows,
  center: tf.Variable<tf.Rank.R2>,
  temperature: number,
  momentum: number,
): Group {
  const scaled = scaledPrototypes(head.prototypes);
  const free = () => tf.dispose([projected, scaled.scale]);
  return {
    ...inParts(
      counts,
      (rows) => tf.tidy(() => prototypeTargets(gatherRows(projected, rows) as Tensor2D, scaled, center, temperature)),
      free,
    ),
    nextCenters: [{ center, next: updateCenterFrom(center, projected, scaled, momentum) }],
  };
}

/** Balanced over all parts' rows. */
function assignedTogether({ head, projected, counts }: Rows, temperature: number): Group {
  const assignment = assign(head, projected, temperature); // [R, K]
  projected.dispose();
  return inParts(counts, (rows) => gatherRows(assignment, rows) as Tensor2D, () => assignment.dispose());
}

/** Balanced over each part's rows by themselves, when its turn comes. */
function assignedByPart({ head, projected, counts }: Rows, temperature: number): Group {
  const ofPart = (part: number): PartTargets => {
    const isLast = part === counts.length - 1;
    if (counts[part] === 0) return { probabilities: noRows, finish: () => isLast && projected.dispose() };
    const own = tf.tidy(() => assign(head, tf.slice(projected, startOf(counts, part), counts[part]), temperature));
    return {
      probabilities: (rows) => gatherRows(own, rows) as Tensor2D,
      finish: () => tf.dispose(isLast ? [own, projected] : own),
    };
  };
  return { counts, ofPart, nextCenters: [] };
}

const assign = (head: DinoHead, projected: Tensor2D, temperature: number) =>
  tf.tidy(() => sinkhornKnopp(head.logits(projected), temperature));

const startOf = (counts: readonly number[], part: number) => counts.slice(0, part).reduce((sum, count) => sum + count, 0);

/** Parts of targets that are made from all rows; what these take goes with the last part. */
function inParts(counts: readonly number[], probabilities: TargetProbabilities, free: () => void): Group {
  const ofPart = (part: number): PartTargets => {
    const start = startOf(counts, part);
    return {
      probabilities: start === 0 ? probabilities : (rows) => probabilities(rows.map((row) => row + start)),
      finish: () => {
        if (part === counts.length - 1) free();
      },
    };
  };
  return { counts, ofPart, nextCenters: [] };
}

const noRows: TargetProbabilities = () => {
  throw new RangeError("A part without hidden patches was asked for the targets of some.");
};

/** Rows counted through the groups, one after the other. */
function overGroups(groups: readonly (PartTargets & { readonly count: number })[]): TargetProbabilities {
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
