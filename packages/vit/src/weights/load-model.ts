// A model from disk, in whichever of the usual forms it lies there:
//   RUN/                          a training run; its newest checkpoint's teacher
//   RUN/checkpoints/step-…/       one checkpoint; the teacher
//   MODEL.safetensors             official names, plain or with a prefix
//   MODEL.pth                     the same, as torch.save wrote it (the published weights)
//   FOLDER/ with config.json      a Hugging Face model (`model_type` dinov2 or dinov2_with_registers)

import { readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { writeSafetensors } from "@dinov2/tensor";
import { parseConfig, type VisionTransformerConfig } from "../config.ts";
import { createVariable, vitParameterSpecs, type ParameterMap } from "../parameters.ts";
import { storedGridSide } from "../position-embedding.ts";
import { VisionTransformer } from "../vision-transformer.ts";
import { assertMatches, compareWeights } from "./compare.ts";
import { configFromHuggingFace, isHuggingFaceConfig, officialNames } from "./huggingface.ts";
import { inferConfig } from "./infer-config.ts";
import { backboneOf, pthSource, safetensorsSource, type WeightSource } from "./source.ts";

export interface LoadModelOptions {
  /** For a file that does not say it and whose heads are not 64 wide. */
  readonly numHeads?: number;
}

/** The metadata key under which a model's config travels with its weights, as JSON. */
const configKey = "model";

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

interface OpenedModel {
  readonly source: WeightSource;
  readonly config: VisionTransformerConfig;
}

async function openModel(path: string, options: LoadModelOptions): Promise<OpenedModel> {
  const entry = await stat(path).catch(() => null);
  if (entry === null) throw new InputError(`No model at ${path}; expected a run folder, a checkpoint or a .safetensors file.`);
  if (entry.isDirectory()) return openFolder(path, options);
  const open = openers[extname(path)];
  if (open) return openOfficial(path, options, open);
  throw new InputError(`${path} is not a model that can be read; expected .safetensors, .pth or a folder.`);
}

async function openFolder(folder: string, options: LoadModelOptions): Promise<OpenedModel> {
  const config = await readJson(join(folder, "config.json"));
  if (isHuggingFaceConfig(config)) return openHuggingFace(folder, configFromHuggingFace(config, join(folder, "config.json")));
  if (await isFile(join(folder, "teacher.safetensors"))) return openOfficial(join(folder, "teacher.safetensors"), options);
  for (const checkpoints of [join(folder, "checkpoints"), folder]) {
    const latest = await readFile(join(checkpoints, "latest"), "utf8").catch(() => null);
    if (latest === null) continue;
    return openOfficial(join(checkpoints, latest.trim(), "teacher.safetensors"), options);
  }
  throw new InputError(
    `${folder} holds no model; expected checkpoints/latest (a run), teacher.safetensors (a checkpoint), ` +
      "or a Hugging Face config.json with model_type dinov2.",
  );
}

/** File formats by extension. */
const openers: Readonly<Record<string, (path: string) => Promise<WeightSource>>> = {
  ".safetensors": safetensorsSource,
  ".pth": pthSource,
  ".pt": pthSource,
};

async function openOfficial(path: string, options: LoadModelOptions, open = safetensorsSource): Promise<OpenedModel> {
  if (!(await isFile(path))) throw new InputError(`No model at ${path}; the checkpoint is not complete.`);
  const file = await open(path);
  return closingOnError(file, () => {
    const source = backboneOf(file);
    const stored = source.metadata[configKey];
    if (stored === undefined) return { source, config: inferConfig(source.shapes, path, options.numHeads) };
    return { source, config: parseConfig(parseJson(stored, path), path) };
  });
}

async function openHuggingFace(folder: string, config: VisionTransformerConfig): Promise<OpenedModel> {
  const path = join(folder, "model.safetensors");
  if (!(await isFile(path))) throw new InputError(`${folder} has no model.safetensors; save the model in one safetensors file.`);
  const file = await safetensorsSource(path);
  return closingOnError(file, () => ({ source: officialNames(file, config), config }));
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

async function closingOnError(source: WeightSource, open: () => OpenedModel): Promise<OpenedModel> {
  try {
    return open();
  } catch (error) {
    await source.close();
    throw error;
  }
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => null))?.isFile() ?? false;

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch(() => null);
  return text === null ? null : parseJson(text, path);
}

function parseJson(text: string, origin: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${origin}: the config is not valid JSON (${(error as Error).message}).`);
  }
}
