// For this package's tests and benchmarks: batches of noise in the shapes that a recipe asks for.

import { collate } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { toTensors, type TrainingBatch } from "./batch.ts";
import { maskingOptionsOf } from "./loader-options.ts";
import { parseRecipe, type Recipe, type RecipeInput } from "./recipe.ts";

/** A recipe small enough for hundreds of steps a second or so: 2 × 2 patches of 4 pixels, width 12. */
export function tinyRecipe(changes: RecipeInput = {}): Recipe {
  return parseRecipe({
    model: { size: "tiny", embedDim: 12, depth: 1, numHeads: 2, patchSize: 4, dropPathRate: 0, ...changes.model },
    heads: { dino: { prototypes: 16, hiddenDim: 16, bottleneckDim: 8 }, ...changes.heads },
    loss: changes.loss,
    teacher: { momentum: 0.9, ...changes.teacher },
    optimizer: { learningRate: 0.01, learningRateScaling: "none", ...changes.optimizer },
    schedule: { steps: 10, warmupSteps: 2, freezeLastLayerSteps: 0, ...changes.schedule },
    crops: { globalSize: 16, localSize: 8, localCount: 2, ...changes.crops },
    masking: changes.masking,
    data: { batchSize: 4, workers: 0, ...changes.data },
    checkpoint: { everySteps: 4, ...changes.checkpoint },
    log: { everySteps: 1, ...changes.log },
    seed: changes.seed,
  });
}

/** A batch of noise, the same for the same seed. */
export function noiseBatch(recipe: Recipe, seed = 0): TrainingBatch {
  const random = RandomStream.fromSeed(seed);
  const crop = (side: number) => Float32Array.from({ length: 3 * side * side }, () => random.normal());
  const samples = Array.from({ length: recipe.data.batchSize }, (_, i) => ({
    name: `noise ${i}`,
    globalCrops: [crop(recipe.crops.globalSize), crop(recipe.crops.globalSize)],
    localCrops: Array.from({ length: recipe.crops.localCount }, () => crop(recipe.crops.localSize)),
  }));
  return toTensors(collate(samples, maskingOptionsOf(recipe), random));
}
