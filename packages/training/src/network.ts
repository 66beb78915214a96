// One side of the pair: a backbone and its heads. Student and teacher are both of this kind, with the
// same parameters under the same names; only the student has stochastic depth and is optimised.

import type { RandomStream } from "@dinov2/tensor";
import { tf } from "@dinov2/tensor";
import {
  DinoHead,
  type DinoHeadConfig,
  dinoHeadParameterSpecs,
  elementCount,
  type ParameterMap,
  type ParameterSpec,
  VisionTransformer,
  vitConfig,
  type VisionTransformerConfig,
  vitParameterSpecs,
} from "@dinov2/vit";
import type { Recipe } from "./recipe.ts";

/** The parts of a network that are clipped and saved under these names, in the official order. */
export type ModuleName = "backbone" | "dino_head" | "ibot_head";

export interface Network {
  readonly backbone: VisionTransformer;
  readonly dinoHead: DinoHead;
  /** Null when iBOT's patches go through the DINO head. */
  readonly ibotHead: DinoHead | null;
}

/** The student's architecture. Position embeddings are sized for global crops. */
export function backboneConfig({ model, crops, data }: Pick<Recipe, "model" | "crops" | "data">): VisionTransformerConfig {
  const { embedDim, depth, numHeads } = model;
  return vitConfig(model.size, {
    imageSize: crops.globalSize,
    patchSize: model.patchSize,
    inChannels: data.channels,
    ...(embedDim !== null && { embedDim }),
    ...(depth !== null && { depth }),
    ...(numHeads !== null && { numHeads }),
    ffnLayer: model.ffnLayer,
    initValues: model.layerScale,
    numRegisterTokens: model.registerTokens,
    dropPathRate: model.dropPathRate,
    dropPathUniform: model.dropPathUniform,
    blockChunks: model.blockChunks,
    qkvBias: model.qkvBias,
    projBias: model.projBias,
    ffnBias: model.ffnBias,
    interpolateAntialias: model.interpolateAntialias,
    interpolateOffset: model.interpolateOffset,
  });
}

function headConfig(inDim: number, head: Recipe["heads"]["dino"]): DinoHeadConfig {
  const { prototypes: outDim, layers: numLayers, hiddenDim, bottleneckDim } = head;
  return { inDim, outDim, numLayers, hiddenDim, bottleneckDim, mlpBias: true };
}

/** A network of random weights, by the official initialisation. */
export function createNetwork(config: VisionTransformerConfig, heads: Recipe["heads"], random: RandomStream): Network {
  const createHead = (head: Recipe["heads"]["dino"], stream: RandomStream) =>
    DinoHead.create(headConfig(config.embedDim, head), stream);
  return {
    backbone: VisionTransformer.create(config, random.split("backbone")),
    dinoHead: createHead(heads.dino, random.split("dino_head")),
    ibotHead: heads.ibot.separate ? createHead(heads.ibot, random.split("ibot_head")) : null,
  };
}

/** What the modules of a recipe's network hold, without making it: names and shapes of ViT-g cost nothing. */
export function moduleSpecs(recipe: Pick<Recipe, "model" | "crops" | "data" | "heads">): Map<ModuleName, ParameterSpec[]> {
  const config = backboneConfig(recipe);
  const headSpecs = (head: Recipe["heads"]["dino"]) => dinoHeadParameterSpecs(headConfig(config.embedDim, head));
  const { dino, ibot } = recipe.heads;
  return new Map<ModuleName, ParameterSpec[]>([
    ["backbone", vitParameterSpecs(config)],
    ["dino_head", headSpecs(dino)],
    ...(ibot.separate ? [["ibot_head", headSpecs(ibot)] as const] : []),
  ]);
}

/** How many numbers each part of a recipe's student has. */
export interface ParameterCounts {
  readonly backbone: number;
  readonly dinoHead: number;
  /** 0 when iBOT's patches go through the DINO head. */
  readonly ibotHead: number;
}

export function parameterCounts(recipe: Pick<Recipe, "model" | "crops" | "data" | "heads">): ParameterCounts {
  const specs = moduleSpecs(recipe);
  const count = (module: ModuleName) => (specs.get(module) ?? []).reduce((sum, { shape }) => sum + elementCount(shape), 0);
  return { backbone: count("backbone"), dinoHead: count("dino_head"), ibotHead: count("ibot_head") };
}

/** The network's modules by name; what it does not have is left out. */
export function modules(network: Network): { name: ModuleName; parameters: ParameterMap }[] {
  return [
    { name: "backbone", parameters: network.backbone.parameters },
    { name: "dino_head", parameters: network.dinoHead.parameters },
    ...(network.ibotHead ? [{ name: "ibot_head" as const, parameters: network.ibotHead.parameters }] : []),
  ];
}

/** All parameters, as `module.name`: `backbone.cls_token`, `dino_head.last_layer.weight_g`. */
export function namedParameters(network: Network): ParameterMap {
  return new Map(
    modules(network).flatMap(({ name: module, parameters }) =>
      [...parameters].map(([name, variable]) => [`${module}.${name}`, variable] as const),
    ),
  );
}

/**
 * Gives `target` the values of `source`: the teacher starts as a copy of the student. In memory of its own from the start, which it
 * would else get at its first update, in the middle of what a step takes and gives back.
 */
export function copyParameters(source: Network, target: Network): void {
  const values = namedParameters(source);
  for (const [name, variable] of namedParameters(target)) tf.tidy(() => variable.assign(tf.add(values.get(name)!, 0)));
}

export function disposeNetwork(network: Network): void {
  tf.dispose([...namedParameters(network).values()]);
}
