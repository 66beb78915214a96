// The training step that both sides run: ViT-S/14 by the short recipe (uniform stochastic depth 0.3, one head of 65,536
// prototypes, centring), 2 × 224 + 8 × 98 pixels, 4 images.

import { parseRecipe, type Recipe } from "@dinov2/training";

export const stepRecipe: Recipe = parseRecipe({
  model: { size: "small", patchSize: 14 },
  crops: { localSize: 98 },
  data: { batchSize: 4 },
});
