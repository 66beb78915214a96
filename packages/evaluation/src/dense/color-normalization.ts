import { imagenetNormalization, type Normalization } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import type { FrozenBackbone } from "../backbone.ts";

/**
 * What the backbone's colours are normalised by.
 * @throws InputError for a network that does not see colours
 */
export function colorNormalization({ name, imageSizes }: Pick<FrozenBackbone, "name" | "imageSizes">): Normalization {
  const { channels = 3, mean, standardDeviation } = imageSizes;
  if (channels !== 3) throw new InputError(`${name} sees ${channels} channels; dense probes read colour images, so name a model of 3.`);
  return { ...imagenetNormalization, ...(mean && { mean }), ...(standardDeviation && { standardDeviation }) };
}
