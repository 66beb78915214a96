// How a run reads its images, so that whoever evaluates its model reads them alike.

import { type ChannelOptions, type Normalization, normalizationFor } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import type { Recipe } from "./recipe.ts";
import { readRunRecipe } from "./run-folder.ts";

export type ImageReading = Normalization & Required<Pick<ChannelOptions, "channels" | "fullScale">>;

export function imageReading({ data: { channels, mean, std, fullScale } }: Pick<Recipe, "data">): ImageReading {
  const usual = normalizationFor(channels);
  return { channels, mean: mean ?? usual.mean, standardDeviation: std ?? usual.standardDeviation, fullScale };
}

/** That of the run folder `model`; nothing for weights that come without a recipe. */
export async function imageReadingOf(model: string): Promise<Partial<ImageReading>> {
  try {
    return imageReading(await readRunRecipe(model));
  } catch (error) {
    if (error instanceof InputError) return {};
    throw error;
  }
}
