// The training step that both sides run: ViT-S/14 by the short recipe (uniform stochastic depth 0.3, one head of 65,536
// prototypes, centring), 2 × 224 + 8 × 98 pixels, 4 images. And what it costs.

import { parseRecipe, type Recipe, stepFlops } from "@dinov2/training";

const settings = { model: { size: "small", patchSize: 14 }, crops: { localSize: 98 }, data: { batchSize: 4 } } as const;

export const stepRecipe: Recipe = parseRecipe(settings);

/** Of the matrix products of a step, without those that stochastic depth saves. */
export function executedFlops(): number {
  const { model, crops, data } = stepRecipe;
  const depth = 12;
  const ofStep = (depth: number, localCount: number) =>
    stepFlops(parseRecipe({ ...settings, model: { ...settings.model, depth }, crops: { ...settings.crops, localCount } }));
  const ofBlock = (localCount: number) => ofStep(depth, localCount) - ofStep(depth - 1, localCount);
  // A block costs the student three forward passes, over all crops; the teacher one, over the global ones.
  const globalBlock = (3 / 4) * ofBlock(0);
  const localBlock = ofBlock(crops.localCount) - ofBlock(0);
  const dropped = (samples: number) => 1 - Math.max(Math.floor(samples * (1 - model.dropPathRate)), 1) / samples;
  const saved =
    globalBlock * dropped(2 * data.batchSize) + localBlock * dropped(crops.localCount * data.batchSize);
  return stepFlops(stepRecipe) - depth * saved;
}
