// The training step that both sides run: ViT-S/14 by the short recipe (uniform stochastic depth 0.3, one head of 65,536
// prototypes, centring), 2 × 224 + 8 × 98 pixels, 4 images.

import { parseRecipe, type Recipe, type RecipeInput } from "@dinov2/training";

/** Computed in one of the ways that the recipe's `efficiency` offers. */
export const stepRecipeWith = (efficiency: RecipeInput["efficiency"]): Recipe =>
  parseRecipe({ model: { size: "small", patchSize: 14 }, crops: { localSize: 98 }, data: { batchSize: 4 }, efficiency });

export const stepRecipe: Recipe = stepRecipeWith({});
