// A recipe's settings in the words of `@dinov2/data`.

import { maskingOptions, type MaskingOptions } from "@dinov2/data";
import type { Recipe } from "./recipe.ts";

export function maskingOptionsOf({ masking, model }: Recipe): MaskingOptions {
  return maskingOptions({
    patchSize: model.patchSize,
    maskRatio: masking.ratio,
    maskProbability: masking.probability,
    exactCount: masking.exactCount,
  });
}
