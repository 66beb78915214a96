// TF.js' own ops, as far as the project uses them: their broadcasting, and the gradients that this
// package registers for them.
import * as tf from "@tensorflow/tfjs-core";
import { broadcastShape, flatIndex, positions } from "./indexing.ts";
import type { OpCase } from "./op-case.ts";
import { erf, softmax } from "./reference.ts";
import { normal, sizeOf, uniform } from "./values.ts";
import type { Values } from "./values.ts";

type Binary = (a: number, b: number) => number;

function binaryCase(op: string, run: OpCase["run"], define: Binary, a: Values, b: Values): OpCase {
  const shape = broadcastShape(a.shape, b.shape);
  return {
    op: `tf.${op}`,
    title: `[${a.shape}] with [${b.shape}]`,
    inputs: [a, b],
    run,
    reference: (x, y) =>
      Float64Array.from(positions(shape), (at) => define(x![flatIndex(a.shape, at)]!, y![flatIndex(b.shape, at)]!)),
    shape,
  };
}

const operandShapes = [[[2, 3], [2, 3]], [[2, 3], [3]], [[2, 1], [3]], [[4, 1, 3], [2, 1]], [[], [5]], [[0, 3], [3]]] as const;

const binaries: readonly [string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor, Binary][] = [
  ["add", tf.add, (a, b) => a + b],
  ["sub", tf.sub, (a, b) => a - b],
  ["mul", tf.mul, (a, b) => a * b],
  ["div", tf.div, (a, b) => a / b],
  ["maximum", tf.maximum, Math.max],
  ["minimum", tf.minimum, Math.min],
  ["pow", tf.pow, (a, b) => a ** b],
  ["squaredDifference", tf.squaredDifference, (a, b) => (a - b) ** 2],
];

const binaryCases = binaries.flatMap(([op, run, define]) => operandShapes.map(([a, b]) =>
  binaryCase(op, (x, y) => run(x!, y!), define, uniform(a, 0.5, 2, 1), uniform(b, 0.5, 2, 2))));

const unaries: readonly [string, (x: tf.Tensor) => tf.Tensor, (x: number) => number, low?: number][] = [
  ["abs", tf.abs, Math.abs],
  ["clipByValue", (x) => tf.clipByValue(x, -1, 1), (x) => Math.min(Math.max(x, -1), 1)],
  ["cos", tf.cos, Math.cos],
  ["erf", tf.erf, erf],
  ["exp", tf.exp, Math.exp],
  ["expm1", tf.expm1, Math.expm1],
  ["log", tf.log, Math.log, 0.3],
  ["log1p", tf.log1p, Math.log1p, -0.5],
  ["neg", tf.neg, (x) => -x],
  ["reciprocal", tf.reciprocal, (x) => 1 / x, 0.3],
  ["relu", tf.relu, (x) => Math.max(x, 0)],
  ["rsqrt", tf.rsqrt, (x) => x ** -0.5, 0.3],
  ["sigmoid", tf.sigmoid, (x) => 1 / (1 + Math.exp(-x))],
  ["sin", tf.sin, Math.sin],
  ["softplus", tf.softplus, (x) => Math.log1p(Math.exp(x))],
  ["sqrt", tf.sqrt, Math.sqrt, 0.3],
  ["square", tf.square, (x) => x * x],
  ["tanh", tf.tanh, Math.tanh],
];

const unaryCases = unaries.flatMap(([op, run, define, low]) => [[], [7], [2, 3], [0]].map((shape): OpCase => ({
  op: `tf.${op}`,
  title: `[${shape}]`,
  inputs: [uniform(shape, low ?? -2, 2)],
  run: (x) => run(x!),
  reference: (x) => x!.map(define),
  shape,
})));

function matMulCase(a: readonly number[], b: readonly number[], transposeA: boolean, transposeB: boolean): OpCase {
  const [rowsA, columnsA] = transposeA ? [a.at(-1)!, a.at(-2)!] : [a.at(-2)!, a.at(-1)!];
  const columnsB = transposeB ? b.at(-2)! : b.at(-1)!;
  const shape = [...broadcastShape(a.slice(0, -2), b.slice(0, -2)), rowsA, columnsB];
  const at = (batch: number[], row: number, column: number, transposed: boolean) =>
    [...batch, ...(transposed ? [column, row] : [row, column])];
  return {
    op: "tf.matMul",
    title: `[${a}]${transposeA ? "ᵀ" : ""} by [${b}]${transposeB ? "ᵀ" : ""}`,
    inputs: [normal(a, 1), normal(b, 2)],
    run: (x, y) => tf.matMul(x!, y!, transposeA, transposeB),
    reference: (x, y) => Float64Array.from(positions(shape), (position) => {
      const [batch, row, column] = [position.slice(0, -2), position.at(-2)!, position.at(-1)!];
      let sum = 0;
      for (let k = 0; k < columnsA; k++) {
        sum += x![flatIndex(a, at(batch, row, k, transposeA))]! * y![flatIndex(b, at(batch, k, column, transposeB))]!;
      }
      return sum;
    }),
    shape,
  };
}

const matMulCases = [
  matMulCase([1, 1], [1, 1], false, false),
  matMulCase([2, 3], [3, 5], false, false),
  matMulCase([3, 2], [3, 5], true, false),
  matMulCase([2, 3], [5, 3], false, true),
  matMulCase([3, 2], [5, 3], true, true),
  matMulCase([2, 3, 2, 4], [2, 3, 4, 3], false, false),
  matMulCase([3, 2, 4], [1, 4, 3], false, false),
  matMulCase([0, 3], [3, 2], false, false),
];

/** A reduction of [2, 3, 4] over `axes`, by what it makes of each list of numbers. */
function reductionCase(op: string, run: OpCase["run"], axes: readonly number[], keep: boolean, define: (list: number[]) => number): OpCase {
  const [from, kept] = [[2, 3, 4], [2, 3, 4].map((size, axis) => (axes.includes(axis) ? 1 : size))];
  return {
    op: `tf.${op}`,
    title: `[2, 3, 4] over [${axes}]${keep ? ", axes kept" : ""}`,
    inputs: [normal(from)],
    run,
    reference: (x) => {
      const groups = Array.from({ length: sizeOf(kept) }, (): number[] => []);
      positions(from).forEach((at, i) => groups[flatIndex(kept, at)]!.push(x![i]!));
      return Float64Array.from(groups, define);
    },
    shape: keep ? kept : from.filter((_, axis) => !axes.includes(axis)),
  };
}

const total = (list: number[]) => list.reduce((sum, value) => sum + value, 0);

const reductions: readonly [string, (x: tf.Tensor, axes: number[], keep: boolean) => tf.Tensor, (list: number[]) => number][] = [
  ["sum", tf.sum, total],
  ["mean", tf.mean, (list) => total(list) / list.length],
  ["max", tf.max, (list) => Math.max(...list)],
  ["min", tf.min, (list) => Math.min(...list)],
  ["logSumExp", tf.logSumExp, (list) => Math.log(total(list.map(Math.exp)))],
];

const reductionCases = reductions.flatMap(([op, run, define]) =>
  [{ axes: [2], keep: false }, { axes: [0, 2], keep: true }, { axes: [1], keep: true }, { axes: [0, 1, 2], keep: false }]
    .map(({ axes, keep }) => reductionCase(op, (x) => run(x!, axes, keep), axes, keep, define)));

const rowsOf = (x: Float64Array, width: number) => Array.from({ length: x.length / width }, (_, i) => x.subarray(i * width, (i + 1) * width));

const softmaxCases: OpCase[] = [tf.softmax, tf.logSoftmax].map((run, logarithm) => ({
  op: logarithm ? "tf.logSoftmax" : "tf.softmax",
  title: "[3, 5]",
  inputs: [normal([3, 5], 1, 3)],
  run: (x) => run(x!),
  reference: (x) => Float64Array.from(rowsOf(x!, 5).flatMap((row) => [...softmax(row)])).map((p) => (logarithm ? Math.log(p) : p)),
  shape: [3, 5],
}));

/** An op that only moves elements: element `at` of the result is the one that `source` points to (null: zero). */
function moveCase(op: string, title: string, from: readonly number[], to: readonly number[], run: OpCase["run"],
  source: (at: number[]) => number[] | null): OpCase {
  return {
    op: `tf.${op}`,
    title,
    inputs: [normal(from)],
    run,
    reference: (x) => Float64Array.from(positions(to), (at) => {
      const position = source(at);
      return position ? x![flatIndex(from, position)]! : 0;
    }),
    shape: to,
  };
}

const gathered = [2, 0, 2, 1];
const moveCases = [
  moveCase("transpose", "[2, 3, 4] to [4, 2, 3]", [2, 3, 4], [4, 2, 3], (x) => tf.transpose(x!, [2, 0, 1]), ([a, b, c]) => [b!, c!, a!]),
  moveCase("transpose", "[2, 3, 1, 2, 2], rank 5", [2, 3, 1, 2, 2], [1, 2, 2, 2, 3], (x) => tf.transpose(x!, [2, 0, 3, 4, 1]), ([a, b, c, d, e]) => [b!, e!, a!, c!, d!]),
  moveCase("reshape", "[2, 6] to [2, 2, 3]", [2, 6], [2, 2, 3], (x) => tf.reshape(x!, [2, 2, 3]), ([a, b, c]) => [a!, b! * 3 + c!]),
  moveCase("expandDims", "[2, 3] to [2, 1, 3]", [2, 3], [2, 1, 3], (x) => tf.expandDims(x!, 1), ([a, , c]) => [a!, c!]),
  moveCase("squeeze", "[2, 1, 3] to [2, 3]", [2, 1, 3], [2, 3], (x) => tf.squeeze(x!, [1]), ([a, b]) => [a!, 0, b!]),
  moveCase("slice", "[2, 2] inside [4, 5]", [4, 5], [2, 2], (x) => tf.slice(x!, [1, 2], [2, 2]), ([a, b]) => [a! + 1, b! + 2]),
  moveCase("slice", "to the end of [4, 5]", [4, 5], [1, 5], (x) => tf.slice(x!, 3), ([a, b]) => [a! + 3, b!]),
  moveCase("pad", "[2, 2] into [4, 5]", [2, 2], [4, 5], (x) => tf.pad(x!, [[1, 1], [2, 1]]), ([a, b]) => a! >= 1 && a! < 3 && b! >= 2 && b! < 4 ? [a! - 1, b! - 2] : null),
  moveCase("tile", "[2, 3] by [2, 3]", [2, 3], [4, 9], (x) => tf.tile(x!, [2, 3]), ([a, b]) => [a! % 2, b! % 3]),
  moveCase("broadcastTo", "[3, 1] to [2, 3, 4]", [3, 1], [2, 3, 4], (x) => tf.broadcastTo(x!, [2, 3, 4]), ([, b]) => [b!, 0]),
  moveCase("reverse", "[3, 4] along 1", [3, 4], [3, 4], (x) => tf.reverse(x!, 1), ([a, b]) => [a!, 3 - b!]),
  moveCase("gather", "[3, 4] along 0", [3, 4], [4, 4], (x) => tf.gather(x!, gathered), ([a, b]) => [gathered[a!]!, b!]),
  moveCase("gather", "[2, 3, 2] along 1", [2, 3, 2], [2, 4, 2], (x) => tf.gather(x!, gathered, 1), ([a, b, c]) => [a!, gathered[b!]!, c!]),
  moveCase("split", "the middle of [5, 2]", [5, 2], [3, 2], (x) => tf.tidy(() => tf.split(x!, [1, 3, 1])[1]!), ([a, b]) => [a! + 1, b!]),
  moveCase("unstack", "the last of [3, 2]", [3, 2], [2], (x) => tf.tidy(() => tf.unstack(x!)[2]!), ([b]) => [2, b!]),
];

const joinCases: readonly OpCase[] = [
  {
    op: "tf.concat",
    title: "[2, 3] and [1, 3] and [0, 3]",
    inputs: [normal([2, 3], 1), normal([1, 3], 2), normal([0, 3], 3)],
    run: (...inputs) => tf.concat(inputs, 0),
    reference: (a, b) => Float64Array.of(...a!, ...b!),
    shape: [3, 3],
  },
  {
    op: "tf.concat",
    title: "[2, 1] and [2, 2] along the last axis",
    inputs: [normal([2, 1], 1), normal([2, 2], 2)],
    run: (...inputs) => tf.concat(inputs, -1),
    reference: (a, b) => Float64Array.of(a![0]!, b![0]!, b![1]!, a![1]!, b![2]!, b![3]!),
    shape: [2, 3],
  },
  {
    op: "tf.stack",
    title: "[2] and [2] along axis 1",
    inputs: [normal([2], 1), normal([2], 2)],
    run: (...inputs) => tf.stack(inputs, 1),
    reference: (a, b) => Float64Array.of(a![0]!, b![0]!, a![1]!, b![1]!),
    shape: [2, 2],
  },
  {
    op: "tf.addN",
    title: "three of [3]",
    inputs: [normal([3], 1), normal([3], 2), normal([3], 3)],
    run: (...inputs) => tf.addN(inputs),
    reference: (a, b, c) => a!.map((value, i) => value + b![i]! + c![i]!),
    shape: [3],
  },
  {
    op: "tf.where",
    title: "by the sign of the first",
    inputs: [normal([2, 5], 1), normal([2, 5], 2)],
    run: (a, b) => tf.tidy(() => tf.where(tf.greater(a!, 0), a!, b!)),
    reference: (a, b) => a!.map((value, i) => (value > 0 ? value : b![i]!)),
    shape: [2, 5],
  },
  {
    op: "tf.cumsum",
    title: "[2, 3] along 1",
    inputs: [normal([2, 3])],
    run: (x) => tf.cumsum(x!, 1),
    reference: (x) => Float64Array.of(x![0]!, x![0]! + x![1]!, x![0]! + x![1]! + x![2]!, x![3]!, x![3]! + x![4]!, x![3]! + x![4]! + x![5]!),
    shape: [2, 3],
  },
];

export const tfCases: readonly OpCase[] = [
  ...binaryCases,
  ...unaryCases,
  ...matMulCases,
  ...reductionCases,
  ...softmaxCases,
  ...moveCases,
  ...joinCases,
];
