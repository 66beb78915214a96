// What fixes an architecture: the named fields of a vision transformer and the rules between them.
// Everything else (parameter names and shapes, what a file must hold) follows from this one value.

import { InputError, nearestName } from "@dinov2/foundation";

/**
 * `swiglu` and `swiglufused` are the same network (the second name is what the released giant uses);
 * `identity` leaves the branch without parameters.
 */
export const ffnLayers = ["mlp", "swiglu", "swiglufused", "identity"] as const;
export type FfnLayer = (typeof ffnLayers)[number];

/** Fields keep the meaning they have in the official constructor (`dinov2/models/vision_transformer.py`). */
export interface VisionTransformerConfig {
  /** Side in pixels of the square image whose patch grid sizes the position embedding. Other sizes are interpolated to. */
  readonly imageSize: number;
  readonly patchSize: number;
  readonly inChannels: number;
  /** D, the width of a token. */
  readonly embedDim: number;
  /** Number of blocks. */
  readonly depth: number;
  readonly numHeads: number;
  /** Hidden width of the feed-forward layer over D; SwiGLU takes two thirds of it, see `ffnHiddenWidth`. */
  readonly mlpRatio: number;
  readonly ffnLayer: FfnLayer;
  readonly qkvBias: boolean;
  readonly projBias: boolean;
  readonly ffnBias: boolean;
  /** Where LayerScale's gamma starts; null or 0 leaves LayerScale out. */
  readonly initValues: number | null;
  readonly numRegisterTokens: number;
  readonly interpolateAntialias: boolean;
  /** Added to the target grid before the scale is taken: 0.1 without registers, 0 with them, as released. */
  readonly interpolateOffset: number;
  /** Stochastic depth: the share of samples whose residual is left out while training. */
  readonly dropPathRate: number;
  /** The same rate in every block, instead of rising linearly from 0. */
  readonly dropPathUniform: boolean;
  /** Groups the blocks in the parameter names, `blocks.{chunk}.{index}`; 0 names them `blocks.{index}`. */
  readonly blockChunks: number;
  readonly layerNormEpsilon: number;
}

/** Hidden width of the feed-forward layer; SwiGLU keeps the parameter count and rounds up to a multiple of 8. */
export function ffnHiddenWidth(config: VisionTransformerConfig): number {
  const hidden = Math.trunc(config.embedDim * config.mlpRatio);
  return isSwiglu(config.ffnLayer) ? Math.floor((Math.trunc((hidden * 2) / 3) + 7) / 8) * 8 : hidden;
}

export const isSwiglu = (layer: FfnLayer): boolean => layer === "swiglu" || layer === "swiglufused";

/** Probability of stochastic depth for every block. */
export function dropPathRates(config: VisionTransformerConfig): number[] {
  const { depth, dropPathRate, dropPathUniform } = config;
  const last = Math.max(depth - 1, 1);
  return Array.from({ length: depth }, (_, i) => (dropPathUniform ? dropPathRate : (dropPathRate * i) / last));
}

/** How the official state dict names block `index`: `blocks.7` or, in chunks, `blocks.1.7`. */
export function blockPrefix(config: VisionTransformerConfig, index: number): string {
  if (config.blockChunks === 0) return `blocks.${index}.`;
  const chunkSize = Math.floor(config.depth / config.blockChunks);
  return `blocks.${Math.floor(index / chunkSize)}.${index}.`;
}

/** Throws an InputError unless the fields fit together; returns the config. */
export function checkConfig(config: VisionTransformerConfig): VisionTransformerConfig {
  for (const field of ["imageSize", "patchSize", "inChannels", "embedDim", "depth", "numHeads"] as const) {
    if (!Number.isInteger(config[field]) || config[field] < 1) fail(field, config[field], "a whole number of at least 1");
  }
  for (const field of ["numRegisterTokens", "blockChunks"] as const) {
    if (!Number.isInteger(config[field]) || config[field] < 0) fail(field, config[field], "a whole number of at least 0");
  }
  for (const field of ["qkvBias", "projBias", "ffnBias", "interpolateAntialias", "dropPathUniform"] as const) {
    if (typeof config[field] !== "boolean") fail(field, config[field], "true or false");
  }
  for (const field of ["mlpRatio", "layerNormEpsilon"] as const) {
    if (!(config[field] > 0 && Number.isFinite(config[field]))) fail(field, config[field], "a number above 0");
  }
  if (!(config.interpolateOffset >= 0)) fail("interpolateOffset", config.interpolateOffset, "a number of at least 0");
  if (!(config.dropPathRate >= 0 && config.dropPathRate < 1)) fail("dropPathRate", config.dropPathRate, "in [0, 1)");
  if (config.initValues !== null && !Number.isFinite(config.initValues)) {
    fail("initValues", config.initValues, "a number, or null for no LayerScale");
  }
  if (!ffnLayers.includes(config.ffnLayer)) fail("ffnLayer", config.ffnLayer, `one of ${ffnLayers.join(", ")}`);
  checkDivisions(config);
  return config;
}

function checkDivisions({ embedDim, numHeads, imageSize, patchSize, blockChunks, depth }: VisionTransformerConfig): void {
  if (embedDim % numHeads !== 0) {
    throw new InputError(`embedDim ${embedDim} is not a multiple of numHeads ${numHeads}; change one of them.`);
  }
  if (imageSize % patchSize !== 0) {
    throw new InputError(`imageSize ${imageSize} is not a multiple of patchSize ${patchSize}; change one of them.`);
  }
  if (blockChunks > depth) {
    throw new InputError(`blockChunks ${blockChunks} is more than the ${depth} blocks there are; use at most ${depth}.`);
  }
}

function fail(field: string, got: unknown, expected: string): never {
  throw new InputError(`${field} of the vision transformer is ${JSON.stringify(got)}; expected ${expected}.`);
}

/** Training defaults of the reference (`dinov2/configs/ssl_default_config.yaml`), at patch size 14. */
export const configDefaults = {
  imageSize: 224,
  patchSize: 14,
  inChannels: 3,
  mlpRatio: 4,
  ffnLayer: "mlp",
  qkvBias: true,
  projBias: true,
  ffnBias: true,
  initValues: 1e-5,
  numRegisterTokens: 0,
  interpolateAntialias: false,
  interpolateOffset: 0.1,
  dropPathRate: 0,
  dropPathUniform: true,
  blockChunks: 0,
  layerNormEpsilon: 1e-6,
} as const satisfies Partial<VisionTransformerConfig>;

/** Reads a config that came as JSON, e.g. a checkpoint's metadata. `origin` says where it was found, for the message. */
export function parseConfig(value: unknown, origin: string): VisionTransformerConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new InputError(`${origin}: the model config is not a JSON object.`);
  }
  const required = ["embedDim", "depth", "numHeads"];
  const known = [...Object.keys(configDefaults), ...required];
  for (const field of Object.keys(value)) {
    if (known.includes(field)) continue;
    const near = nearestName(field, known);
    throw new InputError(`${origin}: unknown field "${field}" in the model config${near ? `; did you mean "${near}"?` : "."}`);
  }
  const missing = required.filter((field) => !(field in value));
  if (missing.length > 0) throw new InputError(`${origin}: the model config lacks ${missing.join(", ")}.`);
  return checkConfig({ ...configDefaults, ...(value as VisionTransformerConfig) });
}
