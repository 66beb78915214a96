// One pre-norm transformer block over packed tokens:
//   x ← x + γ₁ · attention(norm₁ x)
//   x ← x + γ₂ · ffn(norm₂ x)
// T rows of all sequences together, D width, H hidden width of the feed-forward layer.

import {
  addResidualSubset,
  blockDiagonalAttention,
  checkpoint,
  gatherRows,
  layerNorm,
  layerNormLinear,
  layerScaleResidual,
  linearResidual,
  type ResidualBranchEnd,
  tf,
} from "@dinov2/tensor";
import { blockPrefix, dropPathRates, type VisionTransformerConfig } from "./config.ts";
import type { Segment } from "./packing.ts";
import { parameter, type ParameterMap } from "./parameters.ts";
import { keepSequences, keptAmong, type KeptSequences, rowFactors, type StochasticDepth } from "./stochastic-depth.ts";

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
  /** All of the above. */
  readonly variables: readonly tf.Variable[];
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
    variables: [...parameters].filter(([name]) => name.startsWith(prefix)).map(([, variable]) => variable),
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

export interface BlockOptions {
  /** Null where no sample is left out. */
  readonly depth: StochasticDepth | null;
  /** Rows of x that are read afterwards; all by default. */
  readonly only?: Int32Array | undefined;
  /** Keep x alone for the gradient, and run the block again on the way back. */
  readonly recompute?: boolean | undefined;
}

/** What each branch works on, drawn before it runs: to run again is to run the same. */
interface Draws {
  readonly attention: KeptSequences | null;
  readonly ffn: KeptSequences | null;
  readonly computesDropped: boolean;
}

/**
 * [T, D] → [T, D]; `segments` says which rows form a sequence. With `only`, [R, D]: those rows alone, in that order,
 * so that the feed-forward layer does not work on rows that nobody reads.
 */
export function blockForward(x: tf.Tensor2D, segments: readonly Segment[], block: Block, options: BlockOptions): tf.Tensor2D {
  const { depth, only, recompute = false } = options;
  const { index, dropRate: rate } = block;
  const draws: Draws = {
    attention: keepSequences(depth, segments, { block: index, branch: "attention", rate }),
    ffn: keepSequences(depth, segments, { block: index, branch: "ffn", rate }),
    computesDropped: depth?.computesDropped ?? false,
  };
  const run = (input: tf.Tensor2D) => bothBranches(input, segments, block, draws, only);
  if (!recompute) return run(x);
  const runApart = (input: tf.Tensor2D) => {
    const output = run(input);
    return output === input ? tf.clone(output) : output;
  };
  return checkpoint(runApart, [x], block.variables) as tf.Tensor2D;
}

function bothBranches(
  x: tf.Tensor2D,
  segments: readonly Segment[],
  block: Block,
  { attention: keptByAttention, ffn: keptByFfn, computesDropped }: Draws,
  only: Int32Array | undefined,
): tf.Tensor2D {
  return tf.tidy(() => {
    const attended = addBranch(x, { segments, kept: keptByAttention, computesDropped, gamma: block.gamma1 }, (rows, sequences) =>
      attention(rows, sequences, block),
    );
    const read = only ? (gatherRows(attended, only) as tf.Tensor2D) : attended;
    const kept = only ? keptAmong(keptByFfn, only) : keptByFfn;
    return addBranch(read, { segments, kept, computesDropped, gamma: block.gamma2 }, (rows) => feedForward(rows, block));
  });
}

/** A residual branch up to its last layer, which `linearResidual` runs together with the addition to x. */
interface OpenBranch {
  readonly hidden: tf.Tensor2D;
  readonly activation: ResidualBranchEnd["activation"];
  /** Null for a branch that ends with `hidden`. */
  readonly last: Linear | null;
}

/** Of what, and how, a branch is added to x. */
interface Residual {
  readonly segments: readonly Segment[];
  readonly kept: KeptSequences | null;
  readonly computesDropped: boolean;
  readonly gamma: Vector | null;
}

/** `x + gamma * branch(x)`, on the kept sequences only where some are left out. */
function addBranch(
  x: tf.Tensor2D,
  residual: Residual,
  branch: (rows: tf.Tensor2D, segments: readonly Segment[]) => OpenBranch,
): tf.Tensor2D {
  const { segments, kept, computesDropped, gamma } = residual;
  if (kept?.rows.length === 0) return x;
  return tf.tidy(() => {
    if (kept && computesDropped) return addWholeBranch(x, kept, gamma, branch(x, segments));
    const rows = kept ? (gatherRows(x, kept.rows) as tf.Tensor2D) : x;
    return addOpenBranch(x, kept, gamma, branch(rows, kept?.segments ?? segments));
  });
}

function addOpenBranch(x: tf.Tensor2D, kept: KeptSequences | null, gamma: Vector | null, branch: OpenBranch): tf.Tensor2D {
  const { hidden, activation, last } = branch;
  if (last === null) return addHidden(x, hidden, kept, gamma);
  return linearResidual(x, hidden, { ...last, activation, gamma, ...(kept && { subset: kept }) });
}

/** The same numbers from a branch that ran on every row. */
function addWholeBranch(x: tf.Tensor2D, kept: KeptSequences, gamma: Vector | null, branch: OpenBranch): tf.Tensor2D {
  const added = addOpenBranch(tf.zerosLike(x), null, gamma, branch);
  return tf.add(x, tf.mul(added, tf.tensor2d(rowFactors(kept, x.shape[0]), [x.shape[0], 1])));
}

function addHidden(x: tf.Tensor2D, hidden: tf.Tensor2D, kept: KeptSequences | null, gamma: Vector | null): tf.Tensor2D {
  if (kept === null) return layerScaleResidual(x, hidden, gamma) as tf.Tensor2D;
  const { rows, scale } = kept;
  const asSamples = (tensor: tf.Tensor2D) => tf.reshape(tensor, [-1, 1, x.shape[1]]) as tf.Tensor3D;
  return tf.reshape(addResidualSubset(asSamples(x), asSamples(hidden), rows, gamma, scale), x.shape);
}

/** Multi-head self-attention inside every sequence. */
function attention(x: tf.Tensor2D, segments: readonly Segment[], { norm1, qkv, proj, heads, epsilon }: Block): OpenBranch {
  const projected = layerNormLinear(x, { ...norm1, epsilon }, qkv); // [T, 3 D]
  return { hidden: blockDiagonalAttention(projected, segments, heads), activation: "none", last: proj };
}

function feedForward(x: tf.Tensor2D, { norm2, ffn, epsilon }: Block): OpenBranch {
  const norm = { ...norm2, epsilon };
  switch (ffn.kind) {
    case "mlp":
      return { hidden: layerNormLinear(x, norm, ffn.fc1), activation: "gelu", last: ffn.fc2 }; // [T, H]
    case "swiglu":
      return { hidden: layerNormLinear(x, norm, ffn.w12), activation: "swiglu", last: ffn.w3 }; // [T, 2 H]
    case "identity":
      return { hidden: layerNorm(x, norm.weight, norm.bias, epsilon) as tf.Tensor2D, activation: "none", last: null };
    default:
      return ffn satisfies never;
  }
}
