// Random calls of the ops that have fused kernels: odd widths, numbers of rows that no vector or part divides, single rows and none.
import {
  addResidualSubset, adamWUpdate, blockDiagonalAttention, emaUpdate, gatherRows, gelu, globalNorms, l2Normalize, layerNorm, layerNormLinear, layerScaleResidual,
  linear, linearResidual, prototypeCrossEntropy, sinkhornKnopp, swiglu, tf, weightNorm, type Tensor, type Tensor2D, type Tensor3D, type Variable,
} from "@dinov2/tensor";
import type { Tolerance } from "@dinov2/tensor/testing";
import type { Draw, Operand } from "./draw.ts";

export interface FusedCall {
  readonly inputs: readonly Operand[];
  /** What of its closure the shapes of the inputs do not say, for an error. */
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** The first so many inputs get a gradient; all of them when not given. */
  readonly differentiable?: number;
  /** Where float32 says less, or the numbers are smaller, than elsewhere. */
  readonly tolerance?: Tolerance;
  run(...inputs: Tensor[]): Tensor | Tensor[];
}

const width = (draw: Draw, least = 1) => draw.pick([1, 2, 3, 5, 7, 8, 13, 15, 16, 17, 31, 33, 63, 64, 65, 129].filter((size) => size >= least));
const rows = (draw: Draw) => (draw.chance(0.04) ? 0 : draw.pick([1, 1, 2, 3, 5, 11, 12, 13, 25, 37, 67, 130]));
/** [R] or [B, N]. */
const leading = (draw: Draw) => (draw.chance(0.3) ? [draw.integer(1, 4), draw.integer(1, 9)] : [rows(draw)]);
const weights = (draw: Draw, outputs: number, inputs: number) => draw.floats([outputs, inputs], { low: -1.7 * inputs ** -0.5, high: 1.7 * inputs ** -0.5 });
const maybe = (draw: Draw, operand: () => Operand) => (draw.chance(0.3) ? [] : [operand()]);

/** Rows of two and more numbers: of narrow ones the variance may be so small that it multiplies what float32 rounds off. */
function normalization(draw: Draw) {
  const size = width(draw, 2);
  return { size, epsilon: size < 16 ? 0.1 : draw.pick([1e-6, 1e-3]), parameters: [draw.floats([size]), draw.floats([size])] };
}

function segmentsOf(draw: Draw) {
  const one = () => ({ count: draw.integer(0, 3), length: draw.pick([1, 1, 2, 3, 5, 15, 16, 17, 33, 64, 67]) });
  return [...draw.list(draw.integer(0, 3), one), ...(draw.chance(0.1) ? [{ count: 1, length: 131 }] : [])];
}

/** Some of `count`, each once, in any order; the portable definitions take no empty subset. */
const subset = (draw: Draw, count: number) => Int32Array.from(draw.permutation(count).slice(0, draw.integer(1, count)));
const scalesFor = (draw: Draw, indices: Int32Array) => (draw.chance(0.5) ? 1.5 : Float32Array.from(indices, () => draw.pick([0.5, 1, 2.5])));

/** [R, K] */
const prototypes = (draw: Draw) => [rows(draw), draw.pick([1, 2, 5, 17, 64, 100, 257, 1031])];

/** Shapes of parameters, one of which may be long enough to be cut. */
const parameters = (draw: Draw) => draw.list(draw.integer(1, 4), () => (draw.chance(0.05) ? [8_501] : [draw.integer(1, 7), width(draw)]));

const updated: Tolerance = { absolute: 2e-6, relative: 1e-5 };

export const fusedCalls: Readonly<Record<string, (draw: Draw) => FusedCall>> = {
  layerNorm: (draw) => {
    const { size, epsilon, parameters } = normalization(draw);
    return {
      inputs: [draw.floats([...leading(draw), size]), ...parameters],
      attributes: { epsilon },
      run: (x, weight, bias) => layerNorm(x!, weight!, bias!, epsilon),
    };
  },
  layerNormLinear: (draw) => {
    const { size, epsilon, parameters } = normalization(draw);
    const outputs = width(draw);
    return {
      inputs: [draw.floats([rows(draw), size]), ...parameters, weights(draw, outputs, size), ...maybe(draw, () => draw.floats([outputs]))],
      attributes: { epsilon },
      run: (x, normWeight, normBias, weight, bias?: Tensor) =>
        layerNormLinear(x as Tensor2D, { weight: normWeight!, bias: normBias!, epsilon }, { weight: weight!, bias: bias ?? null }),
    };
  },
  linear: (draw) => {
    const [inputs, outputs, activation] = [width(draw), width(draw), draw.pick(["none", "gelu"] as const)];
    return {
      inputs: [draw.floats([...leading(draw), inputs]), weights(draw, outputs, inputs), ...maybe(draw, () => draw.floats([outputs]))],
      attributes: { activation },
      run: (x, weight, bias?: Tensor) => linear(x!, weight!, bias ?? null, activation),
    };
  },
  linearResidual: (draw) => {
    const [count, size, hidden] = [draw.integer(1, 40), width(draw), width(draw)];
    const activation = draw.pick(["none", "gelu", "swiglu"] as const);
    const [bias, gamma] = [draw.chance(0.5), draw.chance(0.5)];
    const indices = draw.chance(0.5) ? subset(draw, count) : undefined;
    const part = indices && { rows: indices, scale: scalesFor(draw, indices) };
    return {
      inputs: [
        draw.floats([count, size]), draw.floats([indices?.length ?? count, activation === "swiglu" ? 2 * hidden : hidden]), weights(draw, size, hidden),
        ...(bias ? [draw.floats([size])] : []), ...(gamma ? [draw.floats([size])] : []),
      ],
      attributes: { activation, bias, gamma, ...part },
      run: (x, h, weight, ...rest) =>
        linearResidual(x as Tensor2D, h as Tensor2D, {
          weight: weight!, bias: bias ? rest[0]! : null, gamma: gamma ? rest.at(-1)! : null, activation, ...(part && { subset: part }),
        }),
    };
  },
  gelu: (draw) => ({ inputs: [draw.floats([...leading(draw), width(draw)], { low: -7, high: 7 })], run: (x) => gelu(x!) }),
  swiglu: (draw) => ({ inputs: [draw.floats([...leading(draw), 2 * width(draw)], { low: -7, high: 7 })], run: (x) => swiglu(x!) }),
  blockDiagonalAttention: (draw) => {
    const [segments, heads, size] = [segmentsOf(draw), draw.integer(1, 3), draw.pick([1, 3, 8, 15, 16, 17, 32, 64, 65])];
    const tokens = segments.reduce((sum, { count, length }) => sum + count * length, 0);
    return {
      inputs: [draw.floats([tokens, 3 * heads * size], { low: -2, high: 2 })],
      attributes: { segments, heads },
      run: (qkv) => blockDiagonalAttention(qkv as Tensor2D, segments, heads),
    };
  },
  layerScaleResidual: (draw) => {
    const shape = [...leading(draw), width(draw)];
    return {
      inputs: [draw.floats(shape), draw.floats([...shape]), ...maybe(draw, () => draw.floats(shape.slice(-1)))],
      run: (x, residual, gamma?: Tensor) => layerScaleResidual(x!, residual!, gamma ?? null),
    };
  },
  addResidualSubset: (draw) => {
    const [count, tokens, size] = [draw.integer(1, 9), draw.pick([1, 2, 5, 17]), width(draw)];
    const indices = subset(draw, count);
    const scale = scalesFor(draw, indices);
    return {
      inputs: [draw.floats([count, tokens, size]), draw.floats([indices.length, tokens, size]), ...maybe(draw, () => draw.floats([size]))],
      attributes: { indices, scale },
      run: (x, residual, gamma?: Tensor) => addResidualSubset(x as Tensor3D, residual as Tensor3D, indices, gamma ?? null, scale),
    };
  },
  gatherRows: (draw) => {
    const count = draw.integer(1, 40);
    const indices = Int32Array.from(draw.list(draw.integer(0, 60), () => draw.integer(0, count - 1)));
    return { inputs: [draw.floats([count, width(draw)])], attributes: { indices }, run: (x) => gatherRows(x!, indices) };
  },
  l2Normalize: (draw) => {
    const epsilon = draw.pick([1e-12, 4]); // Longer than some rows, and shorter than others.
    return { inputs: [draw.floats([rows(draw), width(draw)])], attributes: { epsilon }, run: (x) => l2Normalize(x as Tensor2D, epsilon) };
  },
  weightNorm: (draw) => {
    const count = draw.pick([1, 2, 5, 17, 130]);
    const inputs = [draw.floats([count, width(draw)], { low: 0.2, high: 1.5 }), draw.floats([count, 1], { low: 0.5, high: 2 })];
    return { inputs, run: (v, g) => weightNorm(v as Tensor2D, g as Tensor2D) };
  },
  prototypeCrossEntropy: (draw) => {
    const [shape, temperature] = [prototypes(draw), draw.pick([0.07, 0.1, 1])];
    return {
      inputs: [draw.floats(shape), draw.floats([...shape], { low: 0, high: 2 / shape[1]! })],
      attributes: { temperature },
      differentiable: 1,
      run: (student, teacher) => prototypeCrossEntropy(student as Tensor2D, teacher as Tensor2D, temperature),
    };
  },
  sinkhornKnopp: (draw) => {
    const [temperature, iterations] = [draw.pick([0.05, 0.07, 1]), draw.integer(1, 4)];
    return {
      inputs: [draw.floats(prototypes(draw).map((size) => Math.max(size, 1)), { low: -0.5, high: 0.5 })],
      attributes: { temperature, iterations },
      differentiable: 0,
      tolerance: { absolute: 1e-6, relative: 2e-4 },
      run: (logits) => sinkhornKnopp(logits as Tensor2D, temperature, iterations),
    };
  },
  adamWUpdate: (draw) => {
    const shapes = parameters(draw);
    const rates = shapes.map(() => ({
      learningRate: draw.pick([0, 0.001, 0.1]), weightDecay: draw.pick([0, 0.04, 0.5]), ...(draw.chance(0.5) && { gradientFactor: draw.pick([0.01, 0.3, 1]) }),
    }));
    const settings = { beta1: 0.9, beta2: draw.pick([0.99, 0.999]), epsilon: 1e-8, step: draw.integer(1, 1000) };
    return {
      inputs: shapes.flatMap((shape) => [draw.floats(shape), draw.floats(shape), draw.floats(shape, { low: -1, high: 1 }), draw.floats(shape, { low: 0.01, high: 1 })]),
      attributes: { rates, settings },
      differentiable: 0,
      tolerance: updated,
      run: (...inputs) => {
        const states = inputs.map((input, i) => (i % 4 === 1 ? input : tf.variable(input)));
        const one = (i: number) => ({ parameter: states[4 * i] as Variable, gradient: states[4 * i + 1]!, firstMoment: states[4 * i + 2] as Variable, secondMoment: states[4 * i + 3] as Variable });
        adamWUpdate(rates.map((rate, i) => ({ ...one(i), ...rate })), settings);
        return [...states, ...inputs];
      },
    };
  },
  emaUpdate: (draw) => {
    const [shapes, momentum] = [parameters(draw), draw.pick([0, 0.9, 0.999, 1])];
    return {
      inputs: shapes.flatMap((shape) => [draw.floats(shape), draw.floats(shape)]),
      attributes: { momentum },
      differentiable: 0,
      tolerance: updated,
      run: (...inputs) => {
        const teachers = inputs.filter((_, i) => i % 2 === 0).map((input) => tf.variable(input));
        emaUpdate(teachers, inputs.filter((_, i) => i % 2 === 1), momentum);
        return [...teachers, ...inputs];
      },
    };
  },
  globalNorms: (draw) => {
    const shapes = parameters(draw);
    const cut = draw.integer(0, shapes.length);
    return {
      inputs: shapes.map((shape) => draw.floats(shape)),
      attributes: { cut },
      differentiable: 0,
      tolerance: { absolute: 0, relative: 1e-5 },
      run: (...tensors) => globalNorms([tensors.slice(0, cut), tensors.slice(cut)]),
    };
  },
};
