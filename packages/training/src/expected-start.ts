// What losses look like before anything is learned: a check that a run is set up right.

import type { Recipe } from "./recipe.ts";

/**
 * The loss terms when student and teacher both spread their probability evenly over the prototypes, so that every
 * cross-entropy is ln K. A run starts near them (its logits are not quite equal). KoLeo has no such number.
 */
export function expectedStart({ heads, loss, crops, masking, data }: Recipe): Record<string, number> {
  const clsEntropy = Math.log(heads.dino.prototypes);
  const patchEntropy = Math.log((heads.ibot.separate ? heads.ibot : heads.dino).prototypes);
  const localPairs = 2 * crops.localCount;
  const pairs = 2 + Math.max(localPairs, 1);
  const globalCrops = 2 * data.batchSize;
  return {
    dino_local_crops_loss: (loss.dinoWeight * clsEntropy * localPairs) / pairs,
    dino_global_crops_loss: (loss.dinoWeight * clsEntropy * 2) / pairs,
    // Crops without hidden patches add zero to a mean over all crops.
    ibot_loss: (loss.ibotWeight * patchEntropy * Math.floor(globalCrops * masking.probability)) / globalCrops,
  };
}
