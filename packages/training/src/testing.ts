// For this package's tests: a tiny recipe, batches of noise in the shapes that a recipe asks for, images on disk.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Batch, collate, encodePng } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { toTensors, type TrainingBatch } from "./batch.ts";
import { maskingOptionsOf } from "./loader-options.ts";
import { parseRecipe, type Recipe, type RecipeInput } from "./recipe.ts";

/** A recipe small enough for dozens of steps a second: 16 patches of a global crop, width 12. */
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
    efficiency: changes.efficiency,
    data: { batchSize: 4, workers: 0, ...changes.data },
    checkpoint: { everySteps: 4, ...changes.checkpoint },
    log: { everySteps: 1, tensorboard: false, ...changes.log },
    watch: changes.watch,
    seed: changes.seed,
  });
}

/** A batch of noise, the same for the same seed, as a loader gives it. */
export function collatedNoise(recipe: Recipe, seed = 0): Batch {
  const random = RandomStream.fromSeed(seed);
  const crop = (side: number) => Float32Array.from({ length: 3 * side * side }, () => random.normal());
  const samples = Array.from({ length: recipe.data.batchSize }, (_, i) => ({
    name: `noise ${i}`,
    globalCrops: [crop(recipe.crops.globalSize), crop(recipe.crops.globalSize)],
    localCrops: Array.from({ length: recipe.crops.localCount }, () => crop(recipe.crops.localSize)),
  }));
  return collate(samples, maskingOptionsOf(recipe), random);
}

/** The same as tensors. */
export const noiseBatch = (recipe: Recipe, seed = 0): TrainingBatch => toTensors(collatedNoise(recipe, seed));

/** Writes `count` colourful PNG images of 24 × 24 pixels. */
export async function writeImages(folder: string, count: number): Promise<void> {
  await mkdir(folder, { recursive: true });
  const random = RandomStream.fromSeed(count);
  for (let i = 0; i < count; i++) {
    const side = 24;
    const slope = [random.integer(9), random.integer(9), random.integer(9)];
    const data = Uint8Array.from({ length: side * side * 3 }, (_, at) => {
      const [x, y] = [Math.floor(at / 3) % side, Math.floor(at / 3 / side)];
      return (slope[at % 3]! * (x + 2 * y) + random.integer(20)) % 256;
    });
    await writeFile(join(folder, `image-${String(i).padStart(3, "0")}.png`), await encodePng({ width: side, height: side, data }));
  }
}
