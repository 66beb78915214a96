// What losses look like before anything is learned: a check that a run is set up right.

import type { Recipe } from "./recipe.ts";

/** The part of a recipe that says so. */
type StartRecipe = Pick<Recipe, "heads" | "loss" | "crops" | "masking" | "data" | "teacher">;

/**
 * The loss terms when student and teacher both spread their probability evenly over the prototypes, so that every
 * cross-entropy is ln K. A run starts near them (its logits are not quite equal). KoLeo has no such number.
 */
export function expectedStart(recipe: StartRecipe): Record<string, number> {
  return Object.fromEntries(crossEntropies(recipe).map(({ name, head, share }) => [name, share * Math.log(head.prototypes)]));
}

/** The terms of a recipe that are cross-entropies, and how much of one each is. */
function crossEntropies({ heads, loss, crops, masking, data }: StartRecipe) {
  const localPairs = 2 * crops.localCount;
  const pairs = 2 + Math.max(localPairs, 1);
  const globalCrops = 2 * data.batchSize;
  // Crops without hidden patches add zero to a mean over all crops.
  const masked = Math.floor(globalCrops * masking.probability) / globalCrops;
  const patchHead = heads.ibot.separate ? heads.ibot : heads.dino;
  return [
    { name: "dino_local_crops_loss", head: heads.dino, share: (loss.dinoWeight * localPairs) / pairs },
    { name: "dino_global_crops_loss", head: heads.dino, share: (loss.dinoWeight * 2) / pairs },
    { name: "ibot_loss", head: patchHead, share: loss.ibotWeight * masked },
  ].filter(({ share }) => share > 0);
}

/**
 * The terms of a first step that no untrained heads can give, in words; none when all is well.
 *
 * The logits of a random head are cosines in a space of d = bottleneckDim dimensions, of variance 1/d, over a temperature. With
 * s = 1/(√d · student temperature) and t likewise of the teacher, a cross-entropy is ln K + s²/2 where both sides are
 * unrelated (as after Sinkhorn-Knopp), and down to s·t less where they agree (as centred by a centre of zero). What lies more
 * than a twentieth of ln K outside is said.
 */
export function startDeviations(recipe: StartRecipe, measures: Readonly<Record<string, number>>): string[] {
  return crossEntropies(recipe).flatMap(({ name, head, share }) => {
    const value = measures[name];
    if (value === undefined) return [];
    const [student, teacher] = [recipe.loss.studentTemperature, recipe.teacher.startTemperature].map(
      (temperature) => 1 / (Math.sqrt(head.bottleneckDim) * temperature),
    ) as [number, number];
    const slack = 0.05 * Math.log(head.prototypes);
    const highest = share * (Math.log(head.prototypes) + student ** 2 / 2 + slack);
    const lowest = Math.max(0, highest - share * (student * teacher + 2 * slack));
    if (value >= lowest && value <= highest) return [];
    return [`${name} is ${value.toFixed(3)}, expected ${lowest.toFixed(2)} to ${highest.toFixed(2)}`];
  });
}
