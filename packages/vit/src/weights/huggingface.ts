// Model folders of the `transformers` library (`modeling_dinov2.py`, `modeling_dinov2_with_registers.py`): other names for
// the same tensors, and query, key and value apart. Checked against transformers itself, see `fixtures/README.md`.

import { InputError } from "@dinov2/foundation";
import { checkConfig, configDefaults, type VisionTransformerConfig } from "../config.ts";
import { vitParameterSpecs } from "../parameters.ts";
import type { Shape } from "./compare.ts";
import { withoutPrefix, type WeightSource } from "./source.ts";

const modelTypes = ["dinov2", "dinov2_with_registers"] as const;

/** The fields of `config.json` that fix the architecture; absent ones have the library's defaults. */
interface HuggingFaceConfig {
  readonly model_type: (typeof modelTypes)[number];
  readonly hidden_size?: number;
  readonly num_hidden_layers?: number;
  readonly num_attention_heads?: number;
  readonly mlp_ratio?: number;
  readonly hidden_act?: string;
  readonly layer_norm_eps?: number;
  readonly image_size?: number | readonly number[];
  readonly patch_size?: number | readonly number[];
  readonly num_channels?: number;
  readonly qkv_bias?: boolean;
  readonly layerscale_value?: number;
  readonly use_swiglu_ffn?: boolean;
  readonly num_register_tokens?: number;
}

export function isHuggingFaceConfig(json: unknown): json is HuggingFaceConfig {
  const type = (json as { model_type?: unknown } | null)?.model_type;
  return modelTypes.some((known) => known === type);
}

/**
 * The same architecture in our terms. The position embedding is resized as that library does it: by size (no offset), and
 * antialiased with registers. That differs from the official model without registers, whose offset is 0.1.
 */
export function configFromHuggingFace(json: HuggingFaceConfig, origin: string): VisionTransformerConfig {
  if ((json.hidden_act ?? "gelu") !== "gelu") {
    throw new InputError(`${origin}: hidden_act is "${json.hidden_act}"; only "gelu" is known.`);
  }
  const hasRegisters = json.model_type === "dinov2_with_registers";
  return checkConfig({
    ...configDefaults,
    embedDim: json.hidden_size ?? 768,
    depth: json.num_hidden_layers ?? 12,
    numHeads: json.num_attention_heads ?? 12,
    mlpRatio: json.mlp_ratio ?? 4,
    ffnLayer: json.use_swiglu_ffn ? "swiglufused" : "mlp",
    imageSize: squareSide(json.image_size ?? 224, "image_size", origin),
    patchSize: squareSide(json.patch_size ?? (hasRegisters ? 16 : 14), "patch_size", origin),
    inChannels: json.num_channels ?? 3,
    qkvBias: json.qkv_bias ?? true,
    initValues: json.layerscale_value ?? 1,
    numRegisterTokens: hasRegisters ? (json.num_register_tokens ?? 4) : 0,
    interpolateAntialias: hasRegisters,
    interpolateOffset: 0,
    layerNormEpsilon: json.layer_norm_eps ?? 1e-6,
  });
}

function squareSide(size: number | readonly number[], field: string, origin: string): number {
  const sides = [size].flat() as number[];
  if (sides.every((side) => side === sides[0])) return sides[0]!;
  throw new InputError(`${origin}: ${field} [${sides.join(", ")}] is not square; only square ones are known.`);
}

const topLevelNames: Readonly<Record<string, string>> = {
  cls_token: "embeddings.cls_token",
  pos_embed: "embeddings.position_embeddings",
  register_tokens: "embeddings.register_tokens",
  mask_token: "embeddings.mask_token",
  "patch_embed.proj.weight": "embeddings.patch_embeddings.projection.weight",
  "patch_embed.proj.bias": "embeddings.patch_embeddings.projection.bias",
  "norm.weight": "layernorm.weight",
  "norm.bias": "layernorm.bias",
};

const blockNames: Readonly<Record<string, string>> = {
  "attn.proj": "attention.output.dense",
  "ls1.gamma": "layer_scale1.lambda1",
  "ls2.gamma": "layer_scale2.lambda1",
  "mlp.w12": "mlp.weights_in",
  "mlp.w3": "mlp.weights_out",
};

/** The names there of an official parameter: one, or the three of query, key and value, in the order of the fused rows. */
export function huggingFaceNames(official: string): string[] {
  const block = /^blocks\.(\d+)\.(.+)$/.exec(official);
  if (!block) return [topLevelNames[official] ?? official];
  const [, index, inside] = block as unknown as [string, string, string];
  const prefix = `encoder.layer.${index}.`;
  const fused = /^attn\.qkv\.(weight|bias)$/.exec(inside);
  if (fused) return ["query", "key", "value"].map((part) => `${prefix}attention.attention.${part}.${fused[1]}`);
  const renamed = Object.entries(blockNames).find(([name]) => inside.startsWith(name));
  return [prefix + (renamed ? inside.replace(renamed[0], renamed[1]) : inside)];
}

/**
 * A Hugging Face state dict under the official names; a task head beside the backbone is left out. Names that the
 * architecture does not explain stay as they are, for the strict check to find.
 */
export function officialNames(file: WeightSource, config: VisionTransformerConfig): WeightSource {
  const source = withoutPrefix(file, "embeddings.cls_token") ?? file;
  const parts = new Map<string, string[]>();
  for (const { name } of vitParameterSpecs(config)) {
    const names = huggingFaceNames(name);
    if (names.every((part) => source.shapes.has(part))) parts.set(name, names);
  }
  const explained = new Set([...parts.values()].flat());
  const shapes = new Map<string, Shape>([...source.shapes].filter(([name]) => !explained.has(name)));
  for (const [name, names] of parts) shapes.set(name, stackedShape(names.map((part) => source.shapes.get(part)!)));
  // `use_mask_token: false` saves none, and nothing but pretraining reads it: it starts at zero, as in a fresh network.
  const lacksMaskToken = !shapes.has("mask_token");
  if (lacksMaskToken) shapes.set("mask_token", [1, config.embedDim]);
  return {
    ...source,
    shapes,
    read: async (name) => {
      if (lacksMaskToken && name === "mask_token") return new Float32Array(config.embedDim);
      return concatenate(await Promise.all((parts.get(name) ?? [name]).map((part) => source.read(part))));
    },
    close: () => source.close(),
  };
}

const stackedShape = ([first, ...rest]: readonly Shape[]): Shape => [
  rest.reduce((rows, shape) => rows + shape[0]!, first![0]!),
  ...first!.slice(1),
];

function concatenate(arrays: readonly Float32Array[]): Float32Array {
  if (arrays.length === 1) return arrays[0]!;
  const joined = new Float32Array(arrays.reduce((length, array) => length + array.length, 0));
  let next = 0;
  for (const array of arrays) {
    joined.set(array, next);
    next += array.length;
  }
  return joined;
}
