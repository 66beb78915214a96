// The backbone: images in, tokens out. It knows no losses and no training loop; the student and the teacher of
// `training/src/pretrain-step.ts` are two of these, and an evaluator takes one of them frozen.
// Read on in `tokens.ts` (what enters the first block), `block.ts` (what a block does) and `packing.ts` (why several
// crop sizes are one matrix).
//
// B images, C channels, H × W pixels, N patches of an image, R registers, n = 1 + R + N tokens of an image,
// T tokens of all images together, D width.

import { InputError, type RandomStream } from "@dinov2/foundation";
import { layerNorm, roundOperand, tf } from "@dinov2/tensor";
import { blockForward, readBlock, type Block, type BlockOptions } from "./block.ts";
import { checkConfig, dropPathRates, type VisionTransformerConfig } from "./config.ts";
import {
  clsToken,
  patchTokens,
  registerTokens,
  type Features,
  type IntermediateLayer,
  type IntermediateLayerOptions,
} from "./features.ts";
import { Network } from "./network.ts";
import { unpackSegment, type Segment } from "./packing.ts";
import { createParameters, parameter, vitParameterSpecs, type ParameterMap } from "./parameters.ts";
import { patchGrid } from "./patch-embed.ts";
import { storedGridSide } from "./position-embedding.ts";
import { stochasticDepth, type ChooseSamples, type StochasticDepth } from "./stochastic-depth.ts";
import { prepareTokens, type Crops } from "./tokens.ts";
import type { WeightReport } from "./weights/compare.ts";
import type { LoadOptions, WeightArray } from "./weights/load-weights.ts";

export interface ForwardOptions {
  /** Turns stochastic depth on. */
  readonly training?: boolean;
  /** Where stochastic depth draws from. */
  readonly random?: RandomStream;
  /** Draws instead of `random`, e.g. to replay recorded choices. */
  readonly chooseSamples?: ChooseSamples;
  /** Also runs branches on the samples that stochastic depth leaves out: the same result for more work, to compare with. */
  readonly computeDropped?: boolean;
  /**
   * Keeps what enters each block for the gradient and nothing else, and runs the block again on the way back
   * (activation checkpointing, arXiv 1604.06174): the same result for less memory and a third more time.
   */
  readonly recompute?: boolean;
}

/** All crops after the last block, before the final norm. */
export interface PackedTokens {
  /** [T, D]; `segments[i]` are the sequences of crops i, in order. */
  readonly tokens: tf.Tensor2D;
  readonly segments: readonly Segment[];
}

/** Vision transformer with the official parameter names (`dinov2/models/vision_transformer.py`). */
export class VisionTransformer extends Network {
  private readonly blocks: readonly Block[];

  private constructor(
    private currentConfig: VisionTransformerConfig,
    parameters: ParameterMap,
  ) {
    super(parameters);
    this.blocks = Array.from({ length: currentConfig.depth }, (_, i) => readBlock(currentConfig, parameters, i));
  }

  /** A fresh network with the official initialisation. */
  static create(config: VisionTransformerConfig, random: RandomStream): VisionTransformer {
    checkConfig(config);
    return new VisionTransformer(config, createParameters(vitParameterSpecs(config), random));
  }

  /** A network around existing variables, which it then owns; they must be those of `vitParameterSpecs`. */
  static fromParameters(config: VisionTransformerConfig, parameters: ParameterMap): VisionTransformer {
    return new VisionTransformer(checkConfig(config), parameters);
  }

  /**
   * For a network that is trained no more: rounds the blocks' weights to the precision of products once, in place of every time that they are
   * multiplied. The features stay the same to the last bit; in bfloat16 the weights then take half of the memory. In float32 nothing changes.
   */
  freeze(): this {
    for (const [name, variable] of this.parameters) {
      if (name.startsWith("blocks.") && variable.rank === 2) tf.tidy(() => variable.assign(roundOperand(variable)));
    }
    return this;
  }

  /** Features of images [B, C, H, W], optionally with patches masked out. The caller disposes them. */
  forwardFeatures(
    images: tf.Tensor4D,
    { masks, ...options }: ForwardOptions & { readonly masks?: tf.Tensor2D | null } = {},
  ): Features {
    return tidy(() => this.features(this.forwardTokens([{ images, masks: masks ?? null }], options, "plain"))[0]!);
  }

  /** Features of crops of several sizes, in one pass over packed tokens. Equals separate forwards. */
  forwardFeaturesList(crops: readonly Crops[], options: ForwardOptions = {}): Features[] {
    return tidy(() => this.features(this.forwardTokens(crops, options, "list")));
  }

  /** CLS tokens [B, D] after the final norm: the image descriptor that frozen evaluation uses. */
  forward(images: tf.Tensor4D): tf.Tensor2D {
    return tf.tidy(() => {
      const { tokens, segments } = this.forwardTokens([{ images }], {}, "plain");
      return this.finalNorm(clsToken(unpackSegment(tokens, segments, 0)));
    });
  }

  /** The lower level of the forwards: no final norm, nothing split, for callers that want a few rows only. */
  forwardTokens(
    crops: readonly Crops[],
    options: ForwardOptions = {},
    form: StochasticDepth["form"] = "list",
  ): PackedTokens {
    const depth = stochasticDepth(options, dropPathRates(this.config), form);
    return tidy(() => {
      const { tokens, segments } = this.embed(crops);
      return { tokens: this.runBlocks(tokens, segments, { depth, recompute: options.recompute }), segments };
    });
  }

  /**
   * Some tokens of all crops after the final norm, [R, D]: the rows that `choose` names, from the places of the
   * sequences in the packed tokens. The same numbers as those rows of a whole forward, for less work in the last block.
   */
  forwardRows(
    crops: readonly Crops[],
    choose: (segments: readonly Segment[]) => Int32Array,
    options: ForwardOptions = {},
  ): tf.Tensor2D {
    const depth = stochasticDepth(options, dropPathRates(this.config), "list");
    return tf.tidy(() => {
      const { tokens, segments } = this.embed(crops);
      const { recompute } = options;
      return this.finalNorm(this.runBlocks(tokens, segments, { depth, recompute, only: choose(segments) }));
    });
  }

  /** The final layer norm, of rows [..., D]. */
  finalNorm<T extends tf.Tensor>(x: T): T {
    const { parameters, config } = this;
    return layerNorm(x, parameter(parameters, "norm.weight"), parameter(parameters, "norm.bias"), config.layerNormEpsilon) as T;
  }

  /** Outputs of several blocks, without CLS and registers (`get_intermediate_layers`), in block order. */
  getIntermediateLayers(images: tf.Tensor4D, options: IntermediateLayerOptions = {}): IntermediateLayer[] {
    const { n = 1, reshape = false, returnClassToken = false, norm = true } = options;
    const wanted = this.blockIndices(n);
    const { height, width } = patchGrid(images.shape, this.config.patchSize, this.config.inChannels);
    return tidy(() => {
      const { tokens, segments } = this.embed([{ images }]);
      const layers: IntermediateLayer[] = [];
      this.runBlocks(tokens, segments, { depth: null }, (index, packed) => {
        if (!wanted.has(index)) return;
        const sequences = unpackSegment(norm ? this.finalNorm(packed) : packed, segments, 0);
        const patches = patchTokens(sequences, this.config.numRegisterTokens);
        layers.push({
          patchTokens: reshape ? asMap(patches, height, width) : patches,
          classToken: returnClassToken ? clsToken(sequences) : null,
        });
      });
      return layers;
    });
  }

  /** What the network is; `imageSize` is always that of the position embedding it holds. */
  get config(): VisionTransformerConfig {
    return this.currentConfig;
  }

  /**
   * Takes over weights by official name, strictly unless told otherwise (`loadWeights`). A position embedding of
   * another size is kept as it comes, in a new variable, so load before an optimiser takes hold of the parameters.
   */
  override load(weights: Iterable<readonly [string, WeightArray]>, options: LoadOptions = {}): WeightReport {
    const report = super.load(weights, options);
    const side = storedGridSide(parameter(this.parameters, "pos_embed").shape);
    this.currentConfig = { ...this.currentConfig, imageSize: side * this.currentConfig.patchSize };
    return report;
  }

  /** All crops tokenised, each with its own resized position embedding, and packed. */
  private embed(crops: readonly Crops[]): PackedTokens {
    if (crops.length === 0) throw new InputError("The list of crops is empty; pass at least one batch of images.");
    const sequences = crops.map((crop) => prepareTokens(crop, this.config, this.parameters));
    return {
      tokens: sequences.length === 1 ? sequences[0]!.tokens : tf.concat(sequences.map(({ tokens }) => tokens), 0),
      segments: sequences.map(({ batch, length }) => ({ count: batch, length })),
    };
  }

  /**
   * Every block in turn, the last one for the rows `only` alone if they are given. What a block has read is released
   * at once; the gradient tape keeps its own references.
   */
  private runBlocks(
    tokens: tf.Tensor2D,
    segments: readonly Segment[],
    { only, ...options }: BlockOptions,
    visit: (index: number, output: tf.Tensor2D) => void = () => undefined,
  ): tf.Tensor2D {
    let x = tokens;
    for (const block of this.blocks) {
      const isLast = block.index === this.config.depth - 1;
      const output = blockForward(x, segments, block, isLast ? { ...options, only } : options);
      if (output !== x) x.dispose();
      x = output;
      visit(block.index, x);
    }
    return x;
  }

  private features({ tokens, segments }: PackedTokens): Features[] {
    const normed = this.finalNorm(tokens);
    const registers = this.config.numRegisterTokens;
    return segments.map((_, i) => {
      const sequences = unpackSegment(normed, segments, i);
      return {
        xNormClstoken: clsToken(sequences),
        xNormRegtokens: registerTokens(sequences, registers),
        xNormPatchtokens: patchTokens(sequences, registers),
        xPrenorm: unpackSegment(tokens, segments, i),
      };
    });
  }

  private blockIndices(n: number | readonly number[]): Set<number> {
    const { depth } = this.config;
    const indices = typeof n === "number" ? Array.from({ length: n }, (_, i) => depth - n + i) : n;
    if (indices.length === 0 || indices.some((index) => !Number.isInteger(index) || index < 0 || index >= depth)) {
      throw new InputError(`Layers ${JSON.stringify(n)} were asked for; this network has ${depth} blocks, 0 to ${depth - 1}.`);
    }
    return new Set(indices);
  }
}

/** `tf.tidy` for results whose type is an interface: its own types allow only index signatures. */
const tidy = <T>(compute: () => T): T => tf.tidy(compute as () => tf.TensorContainer) as T;

/** [B, h w, D] → [B, D, h, w] */
const asMap = (patches: tf.Tensor3D, height: number, width: number): tf.Tensor4D =>
  tf.transpose(tf.reshape(patches, [patches.shape[0], height, width, patches.shape[2]]), [0, 3, 1, 2]);
