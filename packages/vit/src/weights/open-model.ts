// Where a model lies on disk, in whichever of the usual forms it lies there:
//   RUN/                          a training run; its newest checkpoint's teacher
//   RUN/checkpoints/step-…/       one checkpoint; the teacher
//   MODEL.safetensors             official names, plain or with a prefix
//   MODEL.pth                     the same, as torch.save wrote it (the published weights)
//   FOLDER/ with config.json      a Hugging Face model (`model_type` dinov2 or dinov2_with_registers)

import { readFile, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { parseConfig, type VisionTransformerConfig } from "../config.ts";
import { configFromHuggingFace, isHuggingFaceConfig, officialNames } from "./huggingface.ts";
import { inferConfig } from "./infer-config.ts";
import { backboneOf, headOf, pthSource, safetensorsSource, type WeightSource } from "./source.ts";

/** The metadata key under which a model's config travels with its weights, as JSON. */
export const configKey = "model";

export interface OpenModelOptions {
  /** For a file that does not say it and whose heads are not 64 wide. */
  readonly numHeads?: number;
}

/** A model's weights, not yet read. Its owner closes `source`. */
export interface OpenedModel {
  /** The backbone, under its official names. */
  readonly source: WeightSource;
  readonly config: VisionTransformerConfig;
  /** A projection head that is stored beside the backbone (`dino_head`, `ibot_head`), or null. */
  head(name: string): WeightSource | null;
}

/**
 * Finds a model of any known form, and reads what its architecture is.
 * @throws InputError when nothing readable is there
 */
export async function openModel(path: string, options: OpenModelOptions): Promise<OpenedModel> {
  const entry = await stat(path).catch(() => null);
  if (entry === null) throw new InputError(`No model at ${path}; expected a run folder, a checkpoint or a .safetensors file.`);
  if (entry.isDirectory()) return openFolder(path, options);
  return openOfficial(path, options, openWeights);
}

/**
 * The tensors of a file, whatever they are of.
 * @throws InputError when it is in no known format
 */
export async function openWeights(path: string): Promise<WeightSource> {
  const open = openers[extname(path)];
  if (open) return open(path);
  throw new InputError(`${path} is not a model that can be read; expected .safetensors, .pth or a folder.`);
}

async function openFolder(folder: string, options: OpenModelOptions): Promise<OpenedModel> {
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

async function openOfficial(path: string, options: OpenModelOptions, open = safetensorsSource): Promise<OpenedModel> {
  if (!(await isFile(path))) throw new InputError(`No model at ${path}; the checkpoint is not complete.`);
  const file = await open(path);
  return closingOnError(file, () => {
    const source = backboneOf(file);
    const stored = source.metadata[configKey];
    const config =
      stored === undefined ? inferConfig(source.shapes, path, options.numHeads) : parseConfig(parseJson(stored, path), path);
    return { source, config, head: (name) => headOf(file, name) };
  });
}

async function openHuggingFace(folder: string, config: VisionTransformerConfig): Promise<OpenedModel> {
  const path = join(folder, "model.safetensors");
  if (!(await isFile(path))) throw new InputError(`${folder} has no model.safetensors; save the model in one safetensors file.`);
  const file = await safetensorsSource(path);
  return closingOnError(file, () => ({ source: officialNames(file, config), config, head: () => null }));
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
