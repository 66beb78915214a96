// Parameter names, shapes and order of the released backbones, and the statistics of the official initialisation.

import { RandomStream } from "@dinov2/foundation";
import {
  DinoHead,
  elementCount,
  VisionTransformer,
  vitConfig,
  vitParameterSpecs,
  type FfnLayer,
  type SizeName,
  type StateDict,
} from "@dinov2/vit";
import { compareFact, compareStatistic, type Check, type Comparison } from "../harness.ts";

interface BackboneEntry {
  readonly arch: string;
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly n_params: number;
  readonly state_dict: readonly (readonly [string, readonly number[]])[];
}

interface Statistics {
  readonly mean: number;
  readonly std: number;
  readonly min: number;
  readonly max: number;
  readonly n: number;
}

type Entry = BackboneEntry | Readonly<Record<string, Statistics>>;

export const check: Check = async (golden) => {
  const comparisons: Comparison[] = [];
  for (const [name, entry] of Object.entries(golden.json<Record<string, Entry>>())) {
    if ("state_dict" in entry) comparisons.push(...compareInventory(name, entry as BackboneEntry));
    else comparisons.push(...(await compareInitialisation(name, entry)));
  }
  return comparisons;
};

function compareInventory(name: string, { arch, kwargs, n_params, state_dict }: BackboneEntry): Comparison[] {
  const specs = vitParameterSpecs(
    vitConfig(arch.replace("vit_", "") as SizeName, {
      imageSize: kwargs.img_size as number,
      patchSize: kwargs.patch_size as number,
      initValues: kwargs.init_values as number,
      blockChunks: kwargs.block_chunks as number,
      numRegisterTokens: kwargs.num_register_tokens as number,
      ffnLayer: (kwargs.ffn_layer ?? "mlp") as FfnLayer,
    }),
  );
  const ours = JSON.stringify(specs.map((spec) => [spec.name, spec.shape]));
  const parameters = specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return [
    compareFact(`${name} names, shapes, order`, ours === JSON.stringify(state_dict), `${specs.length} entries`),
    compareFact(`${name} parameters`, parameters === n_params, `${parameters}, expected ${n_params}`),
  ];
}

/** A fresh network of the shapes that the recorded statistics belong to. */
async function compareInitialisation(name: string, recorded: Readonly<Record<string, Statistics>>): Promise<Comparison[]> {
  const isHead = "last_layer.weight_v" in recorded;
  const model = isHead ? createHead(recorded) : createBackbone(recorded);
  const state = await model.stateDict();
  model.dispose();
  const sameNames = [...state.keys()].join() === Object.keys(recorded).join();
  return [
    compareFact(`${name} names, order`, sameNames, `${state.size} entries, expected ${Object.keys(recorded).length}`),
    ...Object.entries(recorded).flatMap(([parameter, expected]) => compareDraw(state, parameter, expected)),
  ];
}

function createBackbone(recorded: Readonly<Record<string, Statistics>>): VisionTransformer {
  const embedDim = recorded["cls_token"]!.n;
  const count = (name: string) => recorded[name]?.n ?? 0;
  const patchSize = Math.sqrt(count("patch_embed.proj.weight") / (3 * embedDim));
  const depth = Object.keys(recorded).filter((name) => name.endsWith(".norm1.weight")).length;
  const config = vitConfig("small", {
    embedDim,
    depth,
    numHeads: 1, // no parameter depends on it
    patchSize,
    imageSize: patchSize * Math.sqrt(count("pos_embed") / embedDim - 1),
    numRegisterTokens: count("register_tokens") / embedDim,
    initValues: recorded["blocks.0.ls1.gamma"]?.mean ?? null,
    ffnLayer: "blocks.0.mlp.w12.weight" in recorded ? "swiglufused" : "mlp",
  });
  return VisionTransformer.create(config, RandomStream.fromSeed(0));
}

function createHead(recorded: Readonly<Record<string, Statistics>>): DinoHead {
  const count = (name: string) => recorded[name]?.n ?? 0;
  const layers = Object.keys(recorded).filter((name) => /^mlp\.(\d+\.)?weight$/.test(name));
  const outDim = count("last_layer.weight_g");
  const bottleneckDim = count("last_layer.weight_v") / outDim;
  const hiddenDim = layers.length === 1 ? bottleneckDim : count("mlp.0.bias");
  const config = {
    inDim: count(layers[0]!) / hiddenDim,
    outDim,
    numLayers: layers.length,
    hiddenDim,
    bottleneckDim,
    mlpBias: true,
  };
  return DinoHead.create(config, RandomStream.fromSeed(0));
}

/**
 * torch's trunc_normal_ turns a uniform draw of exactly -1, which float32 yields once in some million draws, into its
 * bound, -2: a hundred deviations out. One such value moves the spread of a whole matrix, so it is taken out of it.
 */
function withoutBoundValue(recorded: Statistics): Statistics {
  const { n, mean, std, min } = recorded;
  if (min !== -2) return recorded;
  const cleanMean = (n * mean - min) / (n - 1);
  const squares = n * (std * std + mean * mean) - min * min;
  return { ...recorded, mean: cleanMean, std: Math.sqrt(squares / (n - 1) - cleanMean * cleanMean) };
}

/** Constants exactly; spreads within four standard errors of both draws; means within four standard errors of zero. */
function compareDraw(state: StateDict, name: string, recorded: Statistics): Comparison[] {
  const expected = withoutBoundValue(recorded);
  const values = state.get(name)?.data;
  if (!values) return [compareFact(name, false, "missing")];
  if (expected.std === 0) {
    const constant = values.length === expected.n && values.every((value) => value === values[0]);
    return [
      compareFact(`${name} is constant`, constant, `${values.length} values`),
      compareStatistic(`${name} value`, values[0]!, expected.mean, 0),
    ];
  }
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const std = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  const comparisons = [
    compareFact(`${name} size`, values.length === expected.n, `${values.length}, expected ${expected.n}`),
    compareStatistic(`${name} std`, std, expected.std, (4 * Math.SQRT2 * expected.std) / Math.sqrt(2 * expected.n)),
    compareStatistic(`${name} mean`, mean, expected.mean, (4 * Math.SQRT2 * expected.std) / Math.sqrt(expected.n)),
  ];
  // A uniform draw has hard bounds, sqrt(3) standard deviations out; a normal one of this size goes far beyond.
  const isUniform = expected.max < 2 * expected.std && expected.n > 1000;
  if (!isUniform) return comparisons;
  const largest = values.reduce((bound, value) => Math.max(bound, Math.abs(value)), 0);
  return [...comparisons, compareStatistic(`${name} bound`, largest, Math.sqrt(3) * expected.std, 0.15 * expected.std)];
}
