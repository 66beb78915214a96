// Where weights come from, whatever the format: names and shapes at once, values one tensor at a time, so that a model
// of a billion parameters is never in memory twice. A rule that renames or merges is a source around another one.

import { InputError } from "@dinov2/foundation";
import { openPth, openSafetensors, PthTensor, type PthValue } from "@dinov2/tensor";
import { blockPrefix, type VisionTransformerConfig } from "../config.ts";
import type { Shape } from "./compare.ts";

export interface WeightSource {
  /** Named in messages: the file. */
  readonly origin: string;
  readonly shapes: ReadonlyMap<string, Shape>;
  /** Strings that came with the weights. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Values of a tensor, row-major, as float32. */
  read(name: string): Promise<Float32Array>;
  close(): Promise<void>;
}

/** The tensors of a safetensors file, under the names they have there. */
export async function safetensorsSource(path: string): Promise<WeightSource> {
  const file = await openSafetensors(path);
  return {
    origin: path,
    shapes: new Map(file.names().map((name) => [name, file.info(name).shape])),
    metadata: file.metadata,
    read: async (name) => {
      const values = await file.read(name);
      return values instanceof Float32Array ? values : Float32Array.from(values);
    },
    close: () => file.close(),
  };
}

/**
 * The state dict in what `torch.save` wrote: the saved value itself, or what a training checkpoint holds under `teacher`
 * or else `model` (`load_pretrained_weights` of `dinov2/utils/utils.py`), and that of a head under `state_dict` (mmcv).
 */
export async function pthSource(path: string): Promise<WeightSource> {
  const file = await openPth(path);
  const tensors = new Map([...stateDictOf(file.value)].filter((entry): entry is [string, PthTensor] => entry[1] instanceof PthTensor));
  return {
    origin: path,
    shapes: new Map([...tensors].map(([name, { shape }]) => [name, shape])),
    metadata: {},
    read: async (name) => {
      const values = await file.read(tensors.get(name)!);
      return values instanceof Float32Array ? values : Float32Array.from(values);
    },
    close: () => file.close(),
  };
}

function stateDictOf(value: PthValue): Map<PthValue, PthValue> {
  if (!(value instanceof Map)) return new Map();
  const inside = value.get("teacher") ?? value.get("model") ?? value.get("state_dict");
  return inside instanceof Map ? inside : value;
}

/**
 * The backbone in a file, under its official names. What stands before them is found, not configured:
 * `backbone.`, `teacher.backbone.`, `module.`, … Of several backbones the teacher's is taken, which is the one to use.
 */
export function backboneOf(source: WeightSource): WeightSource {
  const landmark = "patch_embed.proj.weight";
  const inside = withoutPrefix(source, landmark);
  if (inside) return inside;
  throw new InputError(
    `${source.origin} holds no vision transformer: no tensor is named ${landmark}. ` +
      "Give a DINOv2 backbone with the official names.",
  );
}

/** The names that share the prefix of `landmark`, without it; null when no tensor has that name. */
export function withoutPrefix(source: WeightSource, landmark: string): WeightSource | null {
  const prefixes = [...source.shapes.keys()]
    .filter((name) => name === landmark || name.endsWith(`.${landmark}`))
    .map((name) => name.slice(0, -landmark.length));
  const prefix = prefixes.find((candidate) => candidate.startsWith("teacher.")) ?? prefixes[0];
  if (prefix === undefined) return null;
  return prefix === "" ? source : within(source, prefix);
}

/**
 * A projection head under its own names (`mlp.0.weight`, `last_layer.weight_v`): what a training run stores as `dino_head.*` and
 * `ibot_head.*` beside the backbone. Null when there is none of that name.
 */
export function headOf(source: WeightSource, name: string): WeightSource | null {
  const network = withoutPrefix(source, `${name}.last_layer.weight_v`);
  return network && within(network, `${name}.`);
}

/** The names that start with `prefix`, without it. */
function within(source: WeightSource, prefix: string): WeightSource {
  const inside = [...source.shapes].filter(([name]) => name.startsWith(prefix));
  return {
    ...source,
    shapes: new Map(inside.map(([name, shape]) => [name.slice(prefix.length), shape])),
    read: (name) => source.read(prefix + name),
    close: () => source.close(),
  };
}

/**
 * A backbone's weights with the blocks named as `config` groups them in chunks, `blocks.3.…` or `blocks.0.3.…`: chunks are a
 * matter of names alone.
 */
export function withBlockNames(source: WeightSource, config: VisionTransformerConfig): WeightSource {
  const named = (name: string) => {
    const [, index, inside] = /^blocks\.(?:\d+\.)?(\d+)\.(.+)$/.exec(name) ?? [];
    return index === undefined ? name : blockPrefix(config, Number(index)) + inside!;
  };
  const stored = new Map([...source.shapes.keys()].map((name) => [named(name), name]));
  return {
    ...source,
    shapes: new Map([...stored].map(([name, before]) => [name, source.shapes.get(before)!])),
    read: (name) => source.read(stored.get(name)!),
    close: () => source.close(),
  };
}
