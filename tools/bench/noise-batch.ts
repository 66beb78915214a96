// A training batch of noise, with the masks that a recipe draws: a step takes as long on it as on pictures.

import { type Batch, collate, maskingOptions } from "@dinov2/data";
import { RandomStream } from "@dinov2/tensor";
import { type Recipe, splitBatch, toTensors, type TrainingBatch } from "@dinov2/training";

/** The same batch every time. */
export const noiseBatch = (recipe: Recipe): TrainingBatch => toTensors(collatedNoise(recipe));

/** It in the parts that a recipe takes it in. */
export const noiseParts = (recipe: Recipe): TrainingBatch[] =>
  splitBatch(collatedNoise(recipe), recipe.efficiency.accumulationSteps).map(toTensors);

function collatedNoise({ crops, masking, model, data }: Recipe): Batch {
  const random = RandomStream.fromSeed(1);
  const crop = (side: number) => Float32Array.from({ length: 3 * side * side }, () => random.normal());
  const samples = Array.from({ length: data.batchSize }, (_, i) => ({
    name: `noise ${i}`,
    globalCrops: [crop(crops.globalSize), crop(crops.globalSize)],
    localCrops: Array.from({ length: crops.localCount }, () => crop(crops.localSize)),
  }));
  const masks = maskingOptions({
    patchSize: model.patchSize,
    maskRatio: masking.ratio,
    maskProbability: masking.probability,
  });
  return collate(samples, masks, random);
}
