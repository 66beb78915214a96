// The projection head of the DINO and iBOT losses (`dinov2/layers/dino_head.py`): an MLP down to a bottleneck,
// L2 normalisation, and a weight-normalised map to the prototypes. The reference's variant with batch norm is not here:
// no DINOv2 model uses it.
// R rows, D input width, K prototypes.

import { InputError, type RandomStream } from "@dinov2/foundation";
import { l2Normalize, linear, tf, weightNorm } from "@dinov2/tensor";
import { Network } from "./network.ts";
import { createParameters, linearSpecs, ones, parameter, type ParameterMap, type ParameterSpec } from "./parameters.ts";

export interface DinoHeadConfig {
  /** D, the backbone's width. */
  readonly inDim: number;
  /** K, the number of prototypes. */
  readonly outDim: number;
  /** Linear layers before the prototypes. */
  readonly numLayers: number;
  readonly hiddenDim: number;
  readonly bottleneckDim: number;
  readonly mlpBias: boolean;
}

/** The reference's training defaults (`dinov2/configs/ssl_default_config.yaml`). */
export const dinoHeadDefaults = {
  outDim: 65_536,
  numLayers: 3,
  hiddenDim: 2048,
  bottleneckDim: 256,
  mlpBias: true,
} as const satisfies Partial<DinoHeadConfig>;

const normalisationEpsilon = 1e-12;

export class DinoHead extends Network {
  private constructor(
    readonly config: DinoHeadConfig,
    parameters: ParameterMap,
  ) {
    super(parameters);
  }

  /** A fresh head with the official initialisation. */
  static create(config: DinoHeadConfig, random: RandomStream): DinoHead {
    return new DinoHead(config, createParameters(dinoHeadParameterSpecs(config), random));
  }

  /** Prototype logits [R, K] of rows [R, D]: cosines between a row's projection and the prototypes, times g. */
  forward(x: tf.Tensor2D): tf.Tensor2D {
    return tf.tidy(() => this.logits(this.project(x)));
  }

  /** The first part, up to where a loss over the prototypes may begin: rows [R, D] to unit vectors [R, bottleneck]. */
  project(x: tf.Tensor2D): tf.Tensor2D {
    const names = layerNames(this.config);
    return tf.tidy(() => {
      let projected: tf.Tensor = x;
      names.forEach((name, i) => {
        const isLast = i === names.length - 1;
        projected = linear(projected, this.variable(`${name}weight`), this.bias(name), isLast ? "none" : "gelu");
      });
      return l2Normalize(projected as tf.Tensor2D, normalisationEpsilon);
    });
  }

  /** The second part: logits [R, K] of projected rows. */
  logits(projected: tf.Tensor2D): tf.Tensor2D {
    const { v, g } = this.prototypes;
    return tf.tidy(() => linear(projected, weightNorm(v, g)) as tf.Tensor2D);
  }

  /** What the second part multiplies by, weightNorm(v, g): directions [K, bottleneck] and gains [K, 1]. */
  get prototypes(): { readonly v: tf.Variable<tf.Rank.R2>; readonly g: tf.Variable<tf.Rank.R2> } {
    return { v: this.variable("last_layer.weight_v"), g: this.variable("last_layer.weight_g") };
  }

  private variable(name: string): tf.Variable<tf.Rank.R2> {
    return parameter<tf.Rank.R2>(this.parameters, name);
  }

  private bias(layer: string): tf.Variable<tf.Rank.R1> | null {
    return this.config.mlpBias ? parameter<tf.Rank.R1>(this.parameters, `${layer}bias`) : null;
  }
}

/** Everything in the state dict of a head, in the official order. */
export function dinoHeadParameterSpecs(config: DinoHeadConfig): ParameterSpec[] {
  checkHeadConfig(config);
  const { inDim, outDim, hiddenDim, bottleneckDim, mlpBias } = config;
  const names = layerNames(config);
  const widths = [inDim, ...names.slice(1).map(() => hiddenDim), bottleneckDim];
  return [
    ...names.flatMap((name, i) => linearSpecs(name, widths[i]!, widths[i + 1]!, mlpBias)),
    { name: "last_layer.weight_g", shape: [outDim, 1], initialiser: ones },
    {
      name: "last_layer.weight_v",
      shape: [outDim, bottleneckDim],
      // torch's default of a Linear: the official re-initialisation runs before this layer exists.
      initialiser: { kind: "uniform", bound: 1 / Math.sqrt(bottleneckDim) },
    },
  ];
}

/** `mlp.0.`, `mlp.2.`, … as torch numbers a Sequential with activations between; `mlp.` when there is one layer. */
function layerNames({ numLayers }: DinoHeadConfig): string[] {
  return numLayers === 1 ? ["mlp."] : Array.from({ length: numLayers }, (_, i) => `mlp.${2 * i}.`);
}

function checkHeadConfig(config: DinoHeadConfig): void {
  for (const field of ["inDim", "outDim", "numLayers", "hiddenDim", "bottleneckDim"] as const) {
    if (Number.isInteger(config[field]) && config[field] >= 1) continue;
    throw new InputError(`${field} of the DINO head is ${config[field]}; expected a whole number of at least 1.`);
  }
}
