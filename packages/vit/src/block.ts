// One pre-norm transformer block over packed tokens:
//   x ← x + γ₁ · attention(norm₁ x)
//   x ← x + γ₂ · ffn(norm₂ x)
// T rows of all sequences together, D width, H hidden width of the feed-forward layer.

import {
  addResidualSubset,
  blockDiagonalAttention,
  gatherRows,
  layerNorm,
  layerScaleResidual,
  linear,
  swiglu,
  tf,
} from "@dinov2/tensor";
import { blockPrefix, dropPathRates, type VisionTransformerConfig } from "./config.ts";
import type { Segment } from "./packing.ts";
import { parameter, type ParameterMap } from "./parameters.ts";
import { keepSequences, keptAmong, type KeptSequences, type StochasticDepth } from "./stochastic-depth.ts";

type Vector = tf.Variable<tf.Rank.R1>;

/** Weight [out, in] and bias [out]. */
interface Linear {
  readonly weight: tf.Variable<tf.Rank.R2>;
  readonly bias: Vector | null;
}

interface LayerNorm {
  readonly weight: Vector;
  readonly bias: Vector;
}

type FeedForward =
  | { readonly kind: "mlp"; readonly fc1: Linear; readonly fc2: Linear }
  | { readonly kind: "swiglu"; readonly w12: Linear; readonly w3: Linear }
  | { readonly kind: "identity" };

/** A block's share of the parameters, and the numbers it needs. */
export interface Block {
  readonly index: number;
  readonly heads: number;
  readonly epsilon: number;
  readonly dropRate: number;
  readonly norm1: LayerNorm;
  readonly qkv: Linear;
  readonly proj: Linear;
  readonly gamma1: Vector | null;
  readonly norm2: LayerNorm;
  readonly ffn: FeedForward;
  readonly gamma2: Vector | null;
}

/** Collects the parameters of block `index` by their official names. */
export function readBlock(config: VisionTransformerConfig, parameters: ParameterMap, index: number): Block {
  const prefix = blockPrefix(config, index);
  const vector = (name: string) => parameter<tf.Rank.R1>(parameters, prefix + name);
  const optional = (name: string) => (parameters.has(prefix + name) ? vector(name) : null);
  const linearOf = (name: string): Linear => ({
    weight: parameter<tf.Rank.R2>(parameters, `${prefix}${name}.weight`),
    bias: optional(`${name}.bias`),
  });
  const normOf = (name: string): LayerNorm => ({ weight: vector(`${name}.weight`), bias: vector(`${name}.bias`) });
  return {
    index,
    heads: config.numHeads,
    epsilon: config.layerNormEpsilon,
    dropRate: dropPathRates(config)[index]!,
    norm1: normOf("norm1"),
    qkv: linearOf("attn.qkv"),
    proj: linearOf("attn.proj"),
    gamma1: optional("ls1.gamma"),
    norm2: normOf("norm2"),
    ffn: readFeedForward(config, linearOf),
    gamma2: optional("ls2.gamma"),
  };
}

function readFeedForward(config: VisionTransformerConfig, linearOf: (name: string) => Linear): FeedForward {
  switch (config.ffnLayer) {
    case "mlp":
      return { kind: "mlp", fc1: linearOf("mlp.fc1"), fc2: linearOf("mlp.fc2") };
    case "swiglu":
    case "swiglufused":
      return { kind: "swiglu", w12: linearOf("mlp.w12"), w3: linearOf("mlp.w3") };
    case "identity":
      return { kind: "identity" };
    default:
      return config.ffnLayer satisfies never;
  }
}

/**
 * [T, D] → [T, D]; `segments` says which rows form a sequence. With `only`, [R, D]: those rows alone, in that order,
 * so that the feed-forward layer does not work on rows that nobody reads.
 */
export function blockForward(
  x: tf.Tensor2D,
  segments: readonly Segment[],
  block: Block,
  depth: StochasticDepth | null,
  only?: Int32Array,
): tf.Tensor2D {
  const { index, dropRate: rate } = block;
  return tf.tidy(() => {
    const keptByAttention = keepSequences(depth, segments, { block: index, branch: "attention", rate });
    const attended = addBranch(x, segments, keptByAttention, block.gamma1, (rows, sequences) =>
      attention(normalise(rows, block.norm1, block.epsilon), sequences, block),
    );
    const keptByFfn = keepSequences(depth, segments, { block: index, branch: "ffn", rate });
    const read = only ? (gatherRows(attended, only) as tf.Tensor2D) : attended;
    const kept = only ? keptAmong(keptByFfn, only) : keptByFfn;
    return addBranch(read, segments, kept, block.gamma2, (rows) =>
      feedForward(normalise(rows, block.norm2, block.epsilon), block.ffn),
    );
  });
}

type Branch = (rows: tf.Tensor2D, segments: readonly Segment[]) => tf.Tensor2D;

/** `x + gamma * branch(x)`, on the kept sequences only where some are left out. */
function addBranch(
  x: tf.Tensor2D,
  segments: readonly Segment[],
  kept: KeptSequences | null,
  gamma: Vector | null,
  branch: Branch,
): tf.Tensor2D {
  if (kept === null) return tf.tidy(() => layerScaleResidual(x, branch(x, segments), gamma) as tf.Tensor2D);
  if (kept.rows.length === 0) return x;
  const width = x.shape[1];
  const asSamples = (rows: tf.Tensor2D) => tf.reshape(rows, [-1, 1, width]) as tf.Tensor3D;
  return tf.tidy(() => {
    const residual = branch(gatherRows(x, kept.rows) as tf.Tensor2D, kept.segments);
    const [scaled, scale] = scaleRows(residual, kept.scale);
    return tf.reshape(addResidualSubset(asSamples(x), asSamples(scaled), kept.rows, gamma, scale), [-1, width]);
  });
}

/** Applies scales that differ by row here, and leaves a common one to the addition. */
function scaleRows(residual: tf.Tensor2D, scale: number | Float32Array): [tf.Tensor2D, number] {
  if (typeof scale === "number") return [residual, scale];
  return [tf.mul(residual, tf.tensor2d(scale, [scale.length, 1])), 1];
}

const normalise = (x: tf.Tensor2D, norm: LayerNorm, epsilon: number): tf.Tensor2D =>
  layerNorm(x, norm.weight, norm.bias, epsilon) as tf.Tensor2D;

/** Multi-head self-attention inside every sequence. */
function attention(x: tf.Tensor2D, segments: readonly Segment[], { qkv, proj, heads }: Block): tf.Tensor2D {
  const projected = linear(x, qkv.weight, qkv.bias) as tf.Tensor2D; // [T, 3 D]
  return linear(blockDiagonalAttention(projected, segments, heads), proj.weight, proj.bias) as tf.Tensor2D;
}

function feedForward(x: tf.Tensor2D, ffn: FeedForward): tf.Tensor2D {
  switch (ffn.kind) {
    case "mlp": {
      const hidden = linear(x, ffn.fc1.weight, ffn.fc1.bias, "gelu"); // [T, H]
      return linear(hidden, ffn.fc2.weight, ffn.fc2.bias) as tf.Tensor2D;
    }
    case "swiglu": {
      const gated = swiglu(linear(x, ffn.w12.weight, ffn.w12.bias)); // [T, 2 H] → [T, H]
      return linear(gated, ffn.w3.weight, ffn.w3.bias) as tf.Tensor2D;
    }
    case "identity":
      return x;
    default:
      return ffn satisfies never;
  }
}
