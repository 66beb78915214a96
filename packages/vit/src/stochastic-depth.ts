// Stochastic depth: while training, a residual branch sees only some of the samples, and what it gives is scaled up
// so that its expectation stays. The reference has two forms (`dinov2/layers/block.py`), and both come down to
// "which samples, and what scale":
//   subset  a fixed number of samples, drawn without replacement; scale = samples / kept
//   mask    each sample on its own with probability 1 - rate;     scale = 1 / (1 - rate)
// Samples that are left out cost nothing in either form.

import { InputError, type RandomStream } from "@dinov2/foundation";
import { sequenceRows, type Segment } from "./packing.ts";

export type ResidualBranch = "attention" | "ffn";

/** One choice to make: for a branch of a block and the crops of one size. */
export interface SampleDraw {
  readonly block: number;
  readonly branch: ResidualBranch;
  /** Place among the crops of the list forward; 0 in a plain forward. */
  readonly crop: number;
  readonly batch: number;
  readonly rate: number;
  /** How many samples to keep, or null for an independent choice per sample. */
  readonly keep: number | null;
}

/** Distinct sample indices to keep, below `batch`. */
export type ChooseSamples = (draw: SampleDraw) => Int32Array;

/** How one forward draws: a plain batch and a list of crops differ in when they take the mask form. */
export interface StochasticDepth {
  readonly choose: ChooseSamples;
  readonly form: "plain" | "list";
  /** Branches run on every sample, and what they give for a left out one is thrown away. */
  readonly computesDropped?: boolean;
}

export interface KeptSequences {
  /** Rows of the packed tokens that the branch sees. */
  readonly rows: Int32Array;
  readonly segments: readonly Segment[];
  /** One number, or one per row where crops of different sizes keep different shares. */
  readonly scale: number | Float32Array;
}

/** A plain batch takes the mask form up to this rate (`Block.forward`); a list of crops never does. */
const largestMaskRate = 0.1;

/** Choices from a seeded stream, each by its place in the network: in whatever order they are asked for. */
export const randomSamples =
  (random: RandomStream): ChooseSamples =>
  ({ block, branch, crop, batch, keep, rate }) => {
    const draws = random.split(block, branch, crop);
    if (keep !== null) return draws.permutation(batch).slice(0, keep);
    return Int32Array.from({ length: batch }, (_, i) => i).filter(() => draws.bernoulli(1 - rate));
  };

/** The source of choices for a forward, or null where no sample is ever left out. */
export function stochasticDepth(
  options: { training?: boolean; random?: RandomStream; chooseSamples?: ChooseSamples; computeDropped?: boolean },
  rates: readonly number[],
  form: StochasticDepth["form"],
): StochasticDepth | null {
  if (!options.training || rates.every((rate) => rate === 0)) return null;
  const choose = options.chooseSamples ?? (options.random && randomSamples(options.random));
  if (choose) return { choose, form, computesDropped: options.computeDropped ?? false };
  throw new InputError("A training forward with dropPathRate above 0 draws samples: pass `random` (or `chooseSamples`).");
}

/** How many of `batch` samples the subset form keeps. */
export const keptCount = (batch: number, rate: number): number => (rate === 0 ? batch : Math.max(Math.trunc(batch * (1 - rate)), 1));

/** What a branch of block `block` works on, or null for everything. */
export function keepSequences(
  depth: StochasticDepth | null,
  segments: readonly Segment[],
  draw: Pick<SampleDraw, "block" | "branch" | "rate">,
): KeptSequences | null {
  if (depth === null || draw.rate === 0) return null;
  const masked = depth.form === "plain" && draw.rate <= largestMaskRate;
  const samples = segments.map(({ count: batch }, crop) => {
    const keep = masked ? null : keptCount(batch, draw.rate);
    return depth.choose({ ...draw, crop, batch, keep });
  });
  const kept = segments.map(({ length }, i) => ({ count: samples[i]!.length, length }));
  const scales = segments.map(({ count }, i) => (masked ? 1 / (1 - draw.rate) : count / samples[i]!.length));
  return { rows: sequenceRows(segments, samples), segments: kept, scale: perRow(scales, kept) };
}

/** The same choice for a branch that works row by row, when only the rows `only` of the packed tokens are left. */
export function keptAmong(kept: KeptSequences | null, only: Int32Array): KeptSequences | null {
  if (kept === null) return null;
  const { rows, scale } = kept;
  const place = new Map(Array.from(rows, (row, i) => [row, i] as const));
  const positions = Int32Array.from(only.keys()).filter((i) => place.has(only[i]!));
  return {
    rows: positions,
    segments: [{ count: positions.length, length: 1 }],
    scale: typeof scale === "number" ? scale : Float32Array.from(positions, (i) => scale[place.get(only[i]!)!]!),
  };
}

/** [T]: what each row of the packed tokens is multiplied by; nought for those that are left out. */
export function rowFactors({ rows, scale }: KeptSequences, rowCount: number): Float32Array {
  const factors = new Float32Array(rowCount);
  rows.forEach((row, i) => (factors[row] = typeof scale === "number" ? scale : scale[i]!));
  return factors;
}

function perRow(scales: readonly number[], segments: readonly Segment[]): number | Float32Array {
  if (scales.every((scale) => scale === scales[0])) return scales[0]!;
  const factors = new Float32Array(segments.reduce((rows, { count, length }) => rows + count * length, 0));
  let begin = 0;
  for (const [i, { count, length }] of segments.entries()) factors.fill(scales[i]!, begin, (begin += count * length));
  return factors;
}
