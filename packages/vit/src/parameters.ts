// Parameters by their official names: which there are, in the order of the official state dict, and where they start.

import type { RandomStream } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import { blockPrefix, ffnHiddenWidth, isSwiglu, type VisionTransformerConfig } from "./config.ts";
import { initialTensor, type Initialiser } from "./initialisers.ts";

/** Trainable variables by official name; the order is that of the official state dict. */
export type ParameterMap = Map<string, tf.Variable>;

/** One row of a state dict: what a model of a given config must hold. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly initialiser: Initialiser;
}

export const elementCount = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

/** A linear layer's or a token's usual start in this network. */
export const weightInitialiser: Initialiser = { kind: "truncatedNormal", standardDeviation: 0.02 };
export const zeros: Initialiser = { kind: "constant", value: 0 };
export const ones: Initialiser = { kind: "constant", value: 1 };
/** CLS and register tokens start next to zero. */
const tokenInitialiser: Initialiser = { kind: "normal", standardDeviation: 1e-6 };

/** Everything in the state dict of a backbone, without allocating it: `vitParameterSpecs` of ViT-g is free. */
export function vitParameterSpecs(config: VisionTransformerConfig): ParameterSpec[] {
  const { embedDim: D, numRegisterTokens: R, patchSize, inChannels, imageSize } = config;
  const patchCount = (imageSize / patchSize) ** 2;
  // torch's default of a Conv2d, which the official code keeps here: U(±1/sqrt(fan in)) for weight and bias.
  const patchInitialiser: Initialiser = { kind: "uniform", bound: 1 / Math.sqrt(inChannels * patchSize * patchSize) };
  return [
    { name: "cls_token", shape: [1, 1, D], initialiser: tokenInitialiser },
    { name: "pos_embed", shape: [1, 1 + patchCount, D], initialiser: weightInitialiser },
    ...(R > 0 ? [{ name: "register_tokens", shape: [1, R, D], initialiser: tokenInitialiser }] : []),
    { name: "mask_token", shape: [1, D], initialiser: zeros },
    { name: "patch_embed.proj.weight", shape: [D, inChannels, patchSize, patchSize], initialiser: patchInitialiser },
    { name: "patch_embed.proj.bias", shape: [D], initialiser: patchInitialiser },
    ...Array.from({ length: config.depth }, (_, i) => blockSpecs(config, blockPrefix(config, i))).flat(),
    ...layerNormSpecs("norm.", D),
  ];
}

function blockSpecs(config: VisionTransformerConfig, prefix: string): ParameterSpec[] {
  const { embedDim: D, initValues } = config;
  const layerScale = (name: string): ParameterSpec[] =>
    initValues ? [{ name: `${prefix}${name}.gamma`, shape: [D], initialiser: { kind: "constant", value: initValues } }] : [];
  return [
    ...layerNormSpecs(`${prefix}norm1.`, D),
    ...linearSpecs(`${prefix}attn.qkv.`, D, 3 * D, config.qkvBias),
    ...linearSpecs(`${prefix}attn.proj.`, D, D, config.projBias),
    ...layerScale("ls1"),
    ...layerNormSpecs(`${prefix}norm2.`, D),
    ...ffnSpecs(config, `${prefix}mlp.`),
    ...layerScale("ls2"),
  ];
}

function ffnSpecs(config: VisionTransformerConfig, prefix: string): ParameterSpec[] {
  if (config.ffnLayer === "identity") return [];
  const { embedDim: D, ffnBias } = config;
  const hidden = ffnHiddenWidth(config);
  const [inward, outward, inwardWidth] = isSwiglu(config.ffnLayer) ? ["w12", "w3", 2 * hidden] : ["fc1", "fc2", hidden];
  return [
    ...linearSpecs(`${prefix}${inward}.`, D, inwardWidth, ffnBias),
    ...linearSpecs(`${prefix}${outward}.`, hidden, D, ffnBias),
  ];
}

/** `weight` [out, in] and, with a bias, `bias` [out]. */
export function linearSpecs(prefix: string, inWidth: number, outWidth: number, bias: boolean): ParameterSpec[] {
  const weight = { name: `${prefix}weight`, shape: [outWidth, inWidth], initialiser: weightInitialiser };
  return bias ? [weight, { name: `${prefix}bias`, shape: [outWidth], initialiser: zeros }] : [weight];
}

const layerNormSpecs = (prefix: string, width: number): ParameterSpec[] => [
  { name: `${prefix}weight`, shape: [width], initialiser: ones },
  { name: `${prefix}bias`, shape: [width], initialiser: zeros },
];

/** Fresh variables. Each draws from a stream of its own name, so a parameter more or less leaves the others alone. */
export function createParameters(specs: readonly ParameterSpec[], random: RandomStream): ParameterMap {
  return new Map(
    specs.map(({ name, shape, initialiser }) => [
      name,
      tf.tidy(() => tf.variable(initialTensor(initialiser, shape, random.split(name)))),
    ]),
  );
}

export const createVariable = (values: Float32Array, shape: readonly number[]): tf.Variable =>
  tf.tidy(() => tf.variable(tf.tensor(values, [...shape])));

/** The variable of that name, which a model always has; a missing one is a mistake in this package. */
export function parameter<R extends tf.Rank = tf.Rank>(parameters: ParameterMap, name: string): tf.Variable<R> {
  const variable = parameters.get(name);
  if (!variable) throw new Error(`No parameter is named "${name}".`);
  return variable as tf.Variable<R>;
}
