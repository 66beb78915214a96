// The ops of this package: ordinary shapes, single elements, primes (which leave a remainder in every
// vector width and every split over threads), enough elements to be split at all (some 20 000), no rows,
// and shapes with more than one leading axis.
import * as tf from "@tensorflow/tfjs-core";
import { addResidualSubset } from "../ops/add-residual-subset.ts";
import { blockDiagonalAttention } from "../ops/block-diagonal-attention.ts";
import { gatherRows } from "../ops/gather-rows.ts";
import { gelu } from "../ops/gelu.ts";
import { l2Normalize } from "../ops/l2-normalize.ts";
import { layerNormLinear } from "../ops/layer-norm-linear.ts";
import { layerNorm } from "../ops/layer-norm.ts";
import { layerScaleResidual } from "../ops/layer-scale-residual.ts";
import { linearResidual } from "../ops/linear-residual.ts";
import { linear } from "../ops/linear.ts";
import { nearestRows } from "../ops/nearest-rows.ts";
import { prototypeCrossEntropy } from "../ops/prototype-cross-entropy.ts";
import { prototypeLoss } from "../ops/prototype-loss.ts";
import { prototypeTargets, scaledPrototypes } from "../ops/prototype-targets.ts";
import { sinkhornKnopp } from "../ops/sinkhorn-knopp.ts";
import { swiglu } from "../ops/swiglu.ts";
import { weightNorm } from "../ops/weight-norm.ts";
import type { OpCase } from "./op-case.ts";
import * as reference from "./reference.ts";
import { normal, sizeOf, toTensor, uniform, values } from "./values.ts";
import type { Values } from "./values.ts";

const named = (shape: readonly number[]) => `[${shape.join(", ")}]`;

const layerNormCases = [[1, 1], [3, 8], [5, 13], [0, 4], [2, 3, 7], [67, 96], [130, 1009], [4]].map((shape): OpCase => {
  const width = [shape.at(-1)!];
  return {
    op: "layerNorm",
    title: named(shape),
    inputs: [normal(shape, 1, 2), normal(width, 2), normal(width, 3)],
    run: (x, weight, bias) => layerNorm(x!, weight!, bias!, 1e-6),
    reference: (x, weight, bias) => reference.layerNorm(x!, weight!, bias!, 1e-6),
    shape,
    // With one element the row is its own mean: 1 / sqrt(epsilon) = 1000 scales the rounding of the input.
    tolerance: { absolute: width[0] === 1 ? 1e-3 : 3e-5, relative: 2e-5 },
  };
});

/** A row far from zero: a variance computed as E[x²] - E[x]² would lose all its digits. */
const layerNormOffset: OpCase = {
  op: "layerNorm",
  title: "of values around 1000",
  inputs: [{ ...normal([2, 16], 4), data: normal([2, 16], 4).data.map((x) => Math.fround(x + 1000)) }, normal([16], 5), normal([16], 6)],
  run: (x, weight, bias) => layerNorm(x!, weight!, bias!, 1e-6),
  reference: (x, weight, bias) => reference.layerNorm(x!, weight!, bias!, 1e-6),
  shape: [2, 16],
  tolerance: { absolute: 2e-3, relative: 1e-3 },
};

function linearCase(leading: readonly number[], width: number, outputs: number, bias: boolean, activation: "none" | "gelu"): OpCase {
  const activate = activation === "gelu" ? reference.gelu : (x: Float64Array) => x;
  const inputs = [normal([...leading, width], 1), normal([outputs, width], 2, width ** -0.5)];
  return {
    op: "linear",
    title: `${named([...leading, width])} to ${outputs}, ${bias ? "bias" : "no bias"}, ${activation}`,
    inputs: bias ? [...inputs, normal([outputs], 3)] : inputs,
    run: (x, weight, b) => linear(x!, weight!, b ?? null, activation),
    reference: (x, weight, b) => activate(reference.linear(x!, weight!, b ?? null, width)),
    shape: [...leading, outputs],
  };
}

const linearCases = [
  linearCase([1], 1, 1, true, "none"),
  linearCase([3], 5, 7, false, "none"),
  linearCase([2, 3], 4, 6, true, "gelu"),
  linearCase([5], 8, 16, false, "gelu"),
  linearCase([0], 4, 3, true, "gelu"),
  linearCase([0], 4, 3, false, "none"),
  linearCase([67], 37, 71, true, "none"),
  linearCase([131], 48, 33, true, "gelu"),
  // Sums so long that a product is made in several parts: forward, and in the gradients of the input and of the weight.
  linearCase([3], 790, 5, true, "gelu"),
  linearCase([2], 3, 790, false, "none"),
  linearCase([790], 3, 2, true, "none"),
];

const layerNormLinearCases = [[1, 2, 1], [5, 13, 7], [0, 4, 3], [37, 41, 23]].flatMap(([rows, width, outputs]) => [true, false].map((bias): OpCase => ({
  op: "layerNormLinear",
  title: `[${rows}, ${width}] to ${outputs}${bias ? "" : " without bias"}`,
  inputs: [
    normal([rows!, width!], 1, 2), normal([width!], 2), normal([width!], 3), normal([outputs!, width!], 4, width! ** -0.5),
    ...(bias ? [normal([outputs!], 5)] : []),
  ],
  run: (x, normWeight, normBias, weight, b) =>
    layerNormLinear(x as tf.Tensor2D, { weight: normWeight!, bias: normBias!, epsilon: 1e-6 }, { weight: weight!, bias: b ?? null }),
  reference: (x, normWeight, normBias, weight, b) =>
    reference.linear(reference.layerNorm(x!, normWeight!, normBias!, 1e-6), weight!, b ?? null, width!),
  shape: [rows!, outputs!],
  tolerance: { absolute: 5e-5, relative: 5e-5 },
})));

interface BranchEnd {
  readonly rows: number;
  readonly width: number;
  readonly hidden: number;
  readonly activation: "none" | "gelu" | "swiglu";
  readonly bias?: boolean;
  readonly gamma?: boolean;
  readonly subset?: { readonly rows: readonly number[]; readonly scale: number | readonly number[] };
}

function linearResidualCase({ rows, width, hidden, activation, bias = true, gamma = true, subset }: BranchEnd): OpCase {
  const kept = subset ? Int32Array.from(subset.rows) : Int32Array.from({ length: rows }, (_, row) => row);
  const scales = Float32Array.from(kept, (_, k) => (subset === undefined ? 1 : typeof subset.scale === "number" ? subset.scale : subset.scale[k]!));
  const columns = activation === "swiglu" ? 2 * hidden : hidden;
  const activate = (h: Float64Array) => activation === "gelu" ? reference.gelu(h) : activation === "swiglu" ? reference.swiglu(h, columns) : h;
  const common = subset && typeof subset.scale === "number" ? subset.scale : scales;
  return {
    op: "linearResidual",
    title: `${kept.length} of ${named([rows, width])} from ${columns}, ${activation}${bias ? "" : ", no bias"}${gamma ? "" : ", no gamma"}${common === scales && subset ? ", a scale each" : ""}`,
    inputs: [
      normal([rows, width], 1), normal([kept.length, columns], 2), normal([width, hidden], 3, hidden ** -0.5),
      ...(bias ? [normal([width], 4)] : []), ...(gamma ? [normal([width], 5)] : []),
    ],
    run: (x, h, weight, ...rest) => linearResidual(x as tf.Tensor2D, h as tf.Tensor2D, {
      weight: weight!, bias: bias ? rest[0]! : null, gamma: gamma ? rest.at(-1)! : null, activation,
      ...(subset ? { subset: { rows: kept, scale: common } } : {}),
    }),
    reference: (x, h, weight, ...rest) => {
      const residual = reference.linear(activate(h!), weight!, bias ? rest[0]! : null, hidden);
      const scaled = residual.map((value, i) => value * scales[Math.floor(i / width)]!);
      return reference.addResidualSubset(x!, scaled, kept, gamma ? rest.at(-1)! : null, 1);
    },
    shape: [rows, width],
  };
}

const linearResidualCases = [
  { rows: 1, width: 1, hidden: 1, activation: "none" },
  { rows: 5, width: 3, hidden: 7, activation: "gelu" },
  { rows: 5, width: 4, hidden: 6, activation: "swiglu", gamma: false },
  { rows: 5, width: 3, hidden: 7, activation: "gelu", bias: false },
  { rows: 5, width: 3, hidden: 7, activation: "none", bias: false, gamma: false },
  { rows: 5, width: 3, hidden: 7, activation: "gelu", subset: { rows: [4, 0, 2], scale: 5 / 3 } },
  { rows: 5, width: 3, hidden: 7, activation: "swiglu", bias: false, subset: { rows: [1, 3], scale: [2, 0.5] } },
  { rows: 67, width: 48, hidden: 96, activation: "gelu", subset: { rows: [66, 3, 5, 40, 1], scale: [1, 2, 3, 4, 5] } },
].map((end) => linearResidualCase(end as BranchEnd));

const geluCases = [[1], [17], [2, 3, 5], [0, 3], [1031]].map((shape): OpCase => ({
  op: "gelu",
  title: named(shape),
  inputs: [uniform(shape, -7, 7)],
  run: (x) => gelu(x!),
  reference: (x) => reference.gelu(x!),
  shape,
}));

const swigluCases = [[1, 2], [3, 10], [2, 3, 14], [0, 6], [61, 86], [401, 86]].map((shape): OpCase => ({
  op: "swiglu",
  title: named(shape),
  inputs: [normal(shape, 1, 2)],
  run: (x) => swiglu(x!),
  reference: (x) => reference.swiglu(x!, shape.at(-1)!),
  shape: [...shape.slice(0, -1), shape.at(-1)! / 2],
}));

const attentionCases = [
  { segments: [{ count: 1, length: 1 }], heads: 1, width: 1 },
  { segments: [{ count: 2, length: 3 }], heads: 2, width: 4 },
  { segments: [{ count: 2, length: 5 }, { count: 0, length: 4 }, { count: 3, length: 2 }], heads: 2, width: 6 },
  { segments: [], heads: 2, width: 4 },
  { segments: [{ count: 2, length: 37 }, { count: 3, length: 17 }], heads: 3, width: 48 },
  { segments: [{ count: 1, length: 131 }], heads: 1, width: 64 },
].map(({ segments, heads, width }): OpCase => {
  const tokens = segments.reduce((sum, { count, length }) => sum + count * length, 0);
  return {
    op: "blockDiagonalAttention",
    title: `${segments.map(({ count, length }) => `${count} × ${length}`).join(" + ") || "no"} tokens, ${heads} heads of ${width / heads}`,
    inputs: [normal([tokens, 3 * width], 1, 1.5)],
    run: (qkv) => blockDiagonalAttention(qkv as tf.Tensor2D, segments, heads),
    reference: (qkv) => reference.blockDiagonalAttention(qkv!, segments, heads, width),
    shape: [tokens, width],
    tolerance: { absolute: 1e-4, relative: 1e-4 },
  };
});

const layerScaleCases = [[1, 1], [2, 3, 5], [0, 4], [67, 33], [401, 67]].flatMap((shape) => [true, false].map((withGamma): OpCase => ({
  op: "layerScaleResidual",
  title: `${named(shape)}${withGamma ? "" : " without gamma"}`,
  inputs: [normal(shape, 1), normal(shape, 2), ...(withGamma ? [normal([shape.at(-1)!], 3)] : [])],
  run: (x, residual, gamma) => layerScaleResidual(x!, residual!, gamma ?? null),
  reference: (x, residual, gamma) => reference.layerScaleResidual(x!, residual!, gamma ?? null),
  shape,
})));

const subsetCases = [
  { shape: [1, 1, 1], indices: [0] },
  { shape: [4, 2, 3], indices: [3, 1] },
  { shape: [7, 11, 13], indices: [6, 0, 2, 5, 1] },
  { shape: [9, 61, 67], indices: [6, 0, 2, 8, 5, 1, 7] },
].flatMap(({ shape, indices }) => [true, false].map((withGamma): OpCase => {
  const chosen = Int32Array.from(indices);
  const common = shape[0]! / indices.length;
  // The larger ones with a scale each.
  const scales = Float32Array.from(indices, (_, k) => (shape[0]! > 4 ? 1 + k / 2 : common));
  const scale = shape[0]! > 4 ? scales : common;
  return {
    op: "addResidualSubset",
    title: `${indices.length} of ${named(shape)}${withGamma ? "" : " without gamma"}`,
    inputs: [normal(shape, 1), normal([indices.length, shape[1]!, shape[2]!], 2), ...(withGamma ? [normal([shape[2]!], 3)] : [])],
    run: (x, residual, gamma) => addResidualSubset(x as tf.Tensor3D, residual as tf.Tensor3D, chosen, gamma ?? null, scale),
    reference: (x, residual, gamma) => {
      const scaled = residual!.map((value, i) => value * scales[Math.floor((i * chosen.length) / residual!.length)]!);
      return reference.addResidualSubset(x!, scaled, chosen, gamma ?? null, 1);
    },
    shape,
  };
}));

const gatherCases = [
  { shape: [1, 1], indices: [0] },
  { shape: [4, 3], indices: [2, 0, 2, 2] },
  { shape: [5, 2, 3], indices: [4] },
  { shape: [3], indices: [1, 1] },
  { shape: [3, 2], indices: [] },
  { shape: [101, 17], indices: Array.from({ length: 67 }, (_, i) => (i * 37) % 101) },
  { shape: [101, 401], indices: Array.from({ length: 67 }, (_, i) => (i * 37) % 53) },
].map(({ shape, indices }): OpCase => ({
  op: "gatherRows",
  title: `${indices.length} of ${named(shape)}`,
  inputs: [normal(shape)],
  run: (x) => gatherRows(x!, Int32Array.from(indices)),
  reference: (x) => reference.gatherRows(x!, Int32Array.from(indices), sizeOf(shape.slice(1))),
  shape: [indices.length, ...shape.slice(1)],
}));

function l2NormalizeCase(title: string, x: Values, epsilon: number): OpCase {
  return {
    op: "l2Normalize",
    title,
    inputs: [x],
    run: (tensor) => l2Normalize(tensor as tf.Tensor2D, epsilon),
    reference: (data) => reference.l2Normalize(data!, x.shape[1]!, epsilon),
    shape: x.shape,
  };
}

const l2NormalizeCases = [
  ...[[1, 2], [3, 5], [0, 4], [53, 31], [401, 67]].map((shape) => l2NormalizeCase(named(shape), normal(shape), 1e-12)),
  l2NormalizeCase("rows shorter than epsilon", normal([3, 4], 1, 0.1), 1),
];

const weightNormCases = [[1, 1], [5, 3], [61, 37], [401, 67]].map((shape): OpCase => ({
  op: "weightNorm",
  title: named(shape),
  inputs: [uniform(shape, 0.2, 1.5, 1), uniform([shape[0]!, 1], 0.5, 2, 2)],
  run: (v, g) => weightNorm(v as tf.Tensor2D, g as tf.Tensor2D),
  reference: (v, g) => reference.weightNorm(v!, g!),
  shape,
}));

const crossEntropyCases = [[1, 1], [3, 5], [2, 17], [0, 4], [7, 1031], [37, 1031]].map((shape): OpCase => {
  // A constant of the op: positive rows that do not sum to 1.
  const teacher = uniform(shape, 0, 2 / shape[1]!, 9);
  return {
    op: "prototypeCrossEntropy",
    title: named(shape),
    inputs: [normal(shape)],
    run: (student) => tf.tidy(() =>
      prototypeCrossEntropy(student as tf.Tensor2D, tf.tensor2d(Float32Array.from(teacher.data), shape as [number, number]), 0.1)),
    reference: (student) => reference.prototypeCrossEntropy(student!, teacher.data, shape[1]!, 0.1),
    shape: [shape[0]!],
    tolerance: { absolute: 2e-4, relative: 2e-5 },
  };
});

/** R rows of width D against K prototypes; the last ones take several parts, and prototypes that are cut into blocks. */
const prototypeSizes = [
  { rows: 1, width: 1, count: 1 }, { rows: 4, width: 3, count: 5 }, { rows: 7, width: 3, count: 5, atATime: 3 },
  { rows: 0, width: 3, count: 5 }, { rows: 131, width: 17, count: 61, atATime: 64 }, { rows: 5, width: 4, count: 5003, atATime: 2 },
];
const prototypesOf = (count: number, width: number): Values[] => [uniform([count, width], 0.2, 1.5, 1), uniform([count, 1], 0.5, 2, 2)];

const prototypeLossCases = prototypeSizes.map(({ rows, width, count, atATime }): OpCase => {
  const teacher = uniform([rows, count], 0, 2 / count, 9);
  const weights = uniform([rows], 0, 2, 3);
  const targets = (begin: number, end: number) => tf.slice(toTensor(teacher) as tf.Tensor2D, [begin, 0], [end - begin, count]);
  return {
    op: "prototypeLoss",
    title: `${rows} rows of ${width}, ${count} prototypes${atATime ? `, ${atATime} at a time` : ""}`,
    inputs: [normal([rows, width], 1, 0.3), ...prototypesOf(count, width)],
    run: (x, v, g) => tf.tidy(() =>
      prototypeLoss(x as tf.Tensor2D, { v: v as tf.Tensor2D, g: g as tf.Tensor2D }, targets, toTensor(weights) as tf.Tensor1D, 0.4, atATime).total),
    reference: (x, v, g) => {
      const logits = reference.linear(x!, reference.weightNorm(v!, g!), null, width);
      const losses = reference.prototypeCrossEntropy(logits, teacher.data, count, 0.4);
      return Float64Array.of(losses.reduce((sum, loss, r) => sum + weights.data[r]! * loss, 0));
    },
    shape: [],
    tolerance: { absolute: 2e-4, relative: 2e-5 },
  };
});

const prototypeTargetsCases = prototypeSizes.map(({ rows, width, count }): OpCase => ({
  op: "prototypeTargets",
  title: `${rows} rows of ${width}, ${count} prototypes`,
  inputs: [normal([rows, width], 1, 0.3), ...prototypesOf(count, width), normal([1, count], 4, 0.1)],
  run: (x, v, g, center) => tf.tidy(() =>
    prototypeTargets(x as tf.Tensor2D, scaledPrototypes({ v: v as tf.Tensor2D, g: g as tf.Tensor2D }), center as tf.Tensor2D, 0.2)),
  reference: (x, v, g, center) => {
    const logits = reference.linear(x!, reference.weightNorm(v!, g!), null, width);
    const centred = logits.map((logit, i) => (logit - center![i % count]!) / 0.2);
    return Float64Array.from(Array.from({ length: rows }, (_, r) => [...reference.softmax(centred.subarray(r * count, (r + 1) * count))]).flat());
  },
  shape: [rows, count],
  differentiable: false,
}));

function sinkhornCase(title: string, logits: Values, temperature: number, iterations: number): OpCase {
  return {
    op: "sinkhornKnopp",
    title,
    inputs: [logits],
    run: (x) => sinkhornKnopp(x as tf.Tensor2D, temperature, iterations),
    reference: (x) => reference.sinkhornKnopp(x!, logits.shape[1]!, temperature, iterations),
    shape: logits.shape,
    differentiable: false,
    tolerance: { absolute: 1e-6, relative: 2e-4 },
  };
}

/** The similarities, and under them the rows; what is left out is -9 and -1. */
function nearestCase(title: string, queries: Values, bank: Values, k: number, floor = -Infinity): OpCase {
  const [count, width] = queries.shape as [number, number];
  return {
    op: "nearestRows",
    title,
    inputs: [queries, bank],
    differentiable: false,
    run: (q, b) => tf.tidy(() => {
      const [similarities, rows] = nearestRows(q as tf.Tensor2D, b as tf.Tensor2D, tf.fill([count], floor), k);
      return tf.concat([tf.maximum(similarities, -9), tf.cast(rows, "float32")], 0);
    }),
    reference: (q, b) => reference.nearestRows(q!, b!, width, k, floor),
    shape: [2 * count, k],
  };
}

const nearestCases = [
  nearestCase("[1, 1] of [1, 1]", normal([1, 1]), normal([1, 1]), 1),
  nearestCase("[5, 7] of [9, 7], all", normal([5, 7]), normal([9, 7]), 9),
  nearestCase("[53, 40] of [201, 40]", uniform([53, 40], -0.3, 0.3), uniform([201, 40], -0.3, 0.3), 20),
  nearestCase("[3, 33] of [130, 33], above a floor", uniform([3, 33], -0.3, 0.3), uniform([130, 33], -0.3, 0.3), 60, 0.1),
];

const sinkhornCases = [
  sinkhornCase("[1, 1]", normal([1, 1]), 0.05, 3),
  sinkhornCase("[4, 7]", uniform([4, 7], -0.5, 0.5), 0.05, 3),
  sinkhornCase("[67, 301]", uniform([67, 301], -0.5, 0.5), 0.05, 3),
  sinkhornCase("[13, 101], one iteration", uniform([13, 101], -0.5, 0.5), 0.07, 1),
  // exp(500) has no float32: the official code gives NaN here.
  sinkhornCase("logits of 30 at temperature 0.06", values([3, 4], (i) => 30 + 0.05 * ((i * 7) % 5)), 0.06, 3),
];

export const opCases: readonly OpCase[] = [
  ...layerNormCases,
  layerNormOffset,
  ...linearCases,
  ...layerNormLinearCases,
  ...linearResidualCases,
  ...geluCases,
  ...swigluCases,
  ...attentionCases,
  ...layerScaleCases,
  ...subsetCases,
  ...gatherCases,
  ...l2NormalizeCases,
  ...weightNormCases,
  ...crossEntropyCases,
  ...prototypeLossCases,
  ...prototypeTargetsCases,
  ...sinkhornCases,
  ...nearestCases,
];

/** One call of each op with a tensor that is not float32. */
export const wrongDtypes: Readonly<Record<string, (whole: tf.Tensor) => tf.TensorContainer>> = {
  layerNorm: (whole) => layerNorm(whole, tf.ones([2]), tf.zeros([2]), 1e-6),
  linear: (whole) => linear(tf.ones([2, 2]), whole),
  layerNormLinear: (whole) => layerNormLinear(whole as tf.Tensor2D, { weight: tf.ones([2]), bias: tf.zeros([2]), epsilon: 1e-6 }, { weight: tf.ones([2, 2]), bias: null }),
  linearResidual: (whole) => linearResidual(tf.ones([2, 2]), whole as tf.Tensor2D, { weight: tf.ones([2, 2]), bias: null, activation: "none", gamma: null }),
  gelu: (whole) => gelu(whole),
  swiglu: (whole) => swiglu(whole),
  blockDiagonalAttention: (whole) => blockDiagonalAttention(tf.tile(whole, [1, 3]) as tf.Tensor2D, [{ count: 1, length: 2 }], 1),
  layerScaleResidual: (whole) => layerScaleResidual(whole, tf.ones([2, 2]), null),
  addResidualSubset: (whole) => addResidualSubset(tf.ones([2, 1, 2]), tf.reshape(whole, [2, 1, 2]), Int32Array.of(0, 1), null, 1),
  gatherRows: (whole) => gatherRows(whole, Int32Array.of(0)),
  l2Normalize: (whole) => l2Normalize(whole as tf.Tensor2D, 1e-12),
  weightNorm: (whole) => weightNorm(tf.ones([2, 2]), tf.slice(whole, [0, 0], [2, 1]) as tf.Tensor2D),
  prototypeCrossEntropy: (whole) => prototypeCrossEntropy(tf.ones([2, 2]), whole as tf.Tensor2D, 1),
  prototypeLoss: (whole) =>
    prototypeLoss(whole as tf.Tensor2D, { v: tf.ones([2, 2]), g: tf.ones([2, 1]) }, (begin, end) => tf.ones([end - begin, 2]), tf.ones([2]), 1).total,
  prototypeTargets: (whole) => prototypeTargets(whole as tf.Tensor2D, { v: tf.ones([2, 2]), scale: tf.ones([2]) }, tf.ones([1, 2]), 1),
  sinkhornKnopp: (whole) => sinkhornKnopp(whole as tf.Tensor2D, 1),
  nearestRows: (whole) => [...nearestRows(whole as tf.Tensor2D, tf.ones([2, 2]), tf.ones([2]), 1)],
};
