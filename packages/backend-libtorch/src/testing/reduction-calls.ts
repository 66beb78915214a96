// Calls of kernels that gather along axes: reductions, running sums, softmax, products of matrices.
import type { Draw } from "./draw.ts";
import { type Generator, type Generators, generatorsFor } from "./kernel-call.ts";

// Of nothing, TF.js' cpu backend gives what its typed arrays begin with; here that is an error, or the neutral element.
const someShape = (draw: Draw, least = 0) => draw.shape({ least, empty: false });

const reduction = (axesName: string, operand: (draw: Draw, shape: number[]) => ReturnType<Draw["any"]>): Generator => (draw) => {
  const shape = someShape(draw);
  const axes = draw.axes(shape.length);
  const axis = axes.length === 1 && draw.chance(0.5) ? axes[0]! : axes;
  return { inputs: { x: operand(draw, shape) }, attributes: { [axesName]: axis, keepDims: draw.chance(0.5) } };
};

const numbers = (draw: Draw, shape: number[]) => draw.any(shape);
/** NaN, but no infinities of both signs: their sum depends on nothing, but NaN has many. */
const withSpecials = (draw: Draw, shape: number[]) => (draw.chance(0.4) ? draw.floats(shape, { special: true }) : draw.any(shape));

const along = (operand: (draw: Draw, shape: number[]) => ReturnType<Draw["any"]>): Generator => (draw) => {
  const shape = someShape(draw, 1);
  return { inputs: { x: operand(draw, shape) }, attributes: { axis: draw.axis(shape.length) } };
};

const running = (operand: (draw: Draw, shape: number[]) => ReturnType<Draw["any"]>): Generator => (draw) => {
  const shape = draw.shape({ least: 1 });
  // A negative axis: TF.js resolves it before it calls the kernel, whose cpu version would not.
  const attributes = { axis: draw.integer(0, shape.length - 1), exclusive: draw.chance(0.5), reverse: draw.chance(0.5) };
  return { inputs: { x: operand(draw, shape) }, attributes };
};

const smallNumbers = (draw: Draw, shape: number[]) => (draw.chance(0.5) ? draw.integers(shape, -2, 2) : draw.floats(shape, { low: -1.5, high: 1.5 }));

function matrices(draw: Draw) {
  const batch: [number[], number[]] = draw.chance(0.5) ? [[], []] : draw.shapes({ most: 2 });
  // TF.js' cpu backend pairs batches by their number: right only where one batch axis, or one operand, is broadcast.
  const [batchA, batchB] = draw.pick([[batch[0], batch[0]], [batch[0], batch[0].map(() => 1)], [batch[1].map(() => 1), batch[1]]] as const);
  const [rows, depth, columns] = draw.list(3, () => (draw.chance(0.04) ? 0 : draw.pick([1, 2, 3, 8, 19]))) as [number, number, number];
  const [transposeA, transposeB] = [draw.chance(0.4), draw.chance(0.4)];
  const whole = draw.chance(0.2);
  const operand = (shape: number[]) => (whole ? draw.integers(shape) : draw.floats(shape));
  const a = operand([...batchA, ...(transposeA ? [depth, rows] : [rows, depth])]);
  const b = operand([...batchB, ...(transposeB ? [columns, depth] : [depth, columns])]);
  return { a, b, transposeA, transposeB, columns, whole };
}

export const activations = ["linear", "relu", "relu6", "prelu", "leakyrelu", "elu", "sigmoid"] as const;

const products: Generators = {
  BatchMatMul: (draw) => {
    const { a, b, transposeA, transposeB } = matrices(draw);
    return { inputs: { a, b }, attributes: { transposeA, transposeB } };
  },
  _FusedMatMul: (draw) => {
    const { a, b, transposeA, transposeB, columns, whole } = matrices(draw);
    const activation = whole ? "linear" : draw.pick(activations);
    const inputs = {
      a,
      b,
      ...(draw.chance(0.7) && { bias: whole ? draw.integers([columns]) : draw.floats([columns]) }),
      ...(activation === "prelu" && { preluActivationWeights: draw.floats([columns]) }),
    };
    return { inputs, attributes: { transposeA, transposeB, activation, leakyreluAlpha: 0.3 } };
  },
};

const equations = [
  ["ij,jk->ik", [2, 3], [3, 4]], ["bij,bjk->bik", [2, 2, 3], [2, 3, 2]], ["ij->ji", [2, 3]], ["ij->", [2, 3]], ["i,j->ij", [3], [2]],
  ["ij,ij->i", [2, 3], [2, 3]], ["bhid,bhjd->bhij", [2, 2, 3, 4], [2, 2, 2, 4]],
] as const;

export const reductionCalls: Generators = {
  ...products,
  ...generatorsFor(["Sum", "Mean"], reduction("axis", numbers)),
  Prod: reduction("axis", smallNumbers),
  Max: reduction("reductionIndices", withSpecials),
  Min: reduction("axis", withSpecials),
  ...generatorsFor(["All", "Any"], reduction("axis", (draw, shape) => draw.booleans(shape))),
  // NaN: the largest element of a list with NaN has no place that backends agree on.
  ...generatorsFor(["ArgMax", "ArgMin"], along((draw, shape) => (draw.chance(0.5) ? draw.integers(shape, -1, 1) : draw.any(shape)))),
  Cumsum: running(numbers),
  Cumprod: running(smallNumbers),
  Softmax: (draw) => {
    const shape = draw.shape({ least: 1 });
    return { inputs: { logits: draw.floats(shape, { low: -30, high: 30 }) }, attributes: { dim: shape.length - 1 } };
  },
  Einsum: (draw) => {
    const [equation, ...shapes] = draw.pick(equations);
    return { inputs: shapes.map((shape) => draw.floats([...shape])), attributes: { equation } };
  },
};
