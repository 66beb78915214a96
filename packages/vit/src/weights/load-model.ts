// A model from disk, whole, and to disk. Which forms there are is in `open-model.ts`.

import { writeSafetensors } from "@dinov2/tensor";
import type { VisionTransformerConfig } from "../config.ts";
import { createVariable, vitParameterSpecs, type ParameterMap } from "../parameters.ts";
import { storedGridSide } from "../position-embedding.ts";
import { VisionTransformer } from "../vision-transformer.ts";
import { assertMatches, compareWeights } from "./compare.ts";
import { configKey, openModel, type OpenModelOptions } from "./open-model.ts";
import type { WeightSource } from "./source.ts";

export type LoadModelOptions = OpenModelOptions;

/**
 * Reads a model of any known form; names and shapes must match exactly.
 * @throws InputError when nothing readable is there, or when the weights do not fit the architecture
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<VisionTransformer> {
  const { source, config } = await openModel(path, options);
  try {
    return await readModel(source, config);
  } finally {
    await source.close();
  }
}

/** Writes a safetensors file that `loadModel` reads: official names, and the config in the metadata. */
export async function saveModel(path: string, model: VisionTransformer): Promise<void> {
  await writeSafetensors(path, Object.fromEntries(await model.stateDict()), { [configKey]: JSON.stringify(model.config) });
}

/** Builds the network from what the source reads; nothing is drawn at random first. */
async function readModel(source: WeightSource, config: VisionTransformerConfig): Promise<VisionTransformer> {
  const fitted = withStoredImageSize(config, source);
  const specs = vitParameterSpecs(fitted);
  assertMatches(compareWeights(new Map(specs.map(({ name, shape }) => [name, shape])), source.shapes), source.origin);
  const parameters: ParameterMap = new Map();
  for (const { name, shape } of specs) parameters.set(name, createVariable(await source.read(name), shape));
  return VisionTransformer.fromParameters(fitted, parameters);
}

/** The position embedding keeps the size it was stored with, whatever the config says. */
function withStoredImageSize(config: VisionTransformerConfig, source: WeightSource): VisionTransformerConfig {
  const stored = source.shapes.get("pos_embed");
  return stored ? { ...config, imageSize: storedGridSide(stored) * config.patchSize } : config;
}
