// The sizes with a name, one row each (arXiv 2304.07193, table 17; `dinov2/models/vision_transformer.py`), and the released backbones.

import { InputError, nearestName } from "@dinov2/foundation";
import { checkConfig, configDefaults, type VisionTransformerConfig } from "./config.ts";

type SizeRow = Pick<VisionTransformerConfig, "embedDim" | "depth" | "numHeads"> & Partial<VisionTransformerConfig>;

export const sizes = {
  tiny: { embedDim: 192, depth: 12, numHeads: 3 },
  small: { embedDim: 384, depth: 12, numHeads: 6 },
  base: { embedDim: 768, depth: 12, numHeads: 12 },
  large: { embedDim: 1024, depth: 24, numHeads: 16 },
  giant2: { embedDim: 1536, depth: 40, numHeads: 24, ffnLayer: "swiglufused" },
} as const satisfies Record<string, SizeRow>;

export type SizeName = keyof typeof sizes;

/** The config of a named size; every field can be overridden, so free sizes are `vitConfig("small", { embedDim: 256, … })`. */
export function vitConfig(size: SizeName, overrides: Partial<VisionTransformerConfig> = {}): VisionTransformerConfig {
  return checkConfig({ ...configDefaults, ...row(sizes, size, "model size"), ...overrides });
}

const withoutRegisters = { imageSize: 518, initValues: 1 } as const;
const withRegisters = {
  ...withoutRegisters,
  numRegisterTokens: 4,
  interpolateAntialias: true,
  interpolateOffset: 0,
} as const;

/** The eight published backbones (`dinov2/hub/backbones.py`), patch size 14. */
export const releasedBackbones = {
  dinov2_vits14: vitConfig("small", withoutRegisters),
  dinov2_vitb14: vitConfig("base", withoutRegisters),
  dinov2_vitl14: vitConfig("large", withoutRegisters),
  dinov2_vitg14: vitConfig("giant2", withoutRegisters),
  dinov2_vits14_reg: vitConfig("small", withRegisters),
  dinov2_vitb14_reg: vitConfig("base", withRegisters),
  dinov2_vitl14_reg: vitConfig("large", withRegisters),
  dinov2_vitg14_reg: vitConfig("giant2", withRegisters),
} as const satisfies Record<string, VisionTransformerConfig>;

export type ReleasedBackbone = keyof typeof releasedBackbones;

/** The config of a published backbone, by its torch hub name. */
export const releasedConfig = (name: ReleasedBackbone): VisionTransformerConfig =>
  row(releasedBackbones, name, "released backbone");

function row<T extends object, K extends keyof T & string>(table: T, name: K, what: string): T[K] {
  if (Object.hasOwn(table, name)) return table[name];
  const known = Object.keys(table);
  const near = nearestName(name, known);
  throw new InputError(`Unknown ${what} "${name}"${near ? `; did you mean "${near}"?` : `; known: ${known.join(", ")}.`}`);
}
