// Calls of kernels that work element by element.
import type { Draw, FloatOptions } from "./draw.ts";
import { type Generator, type Generators, generatorsFor } from "./kernel-call.ts";

/** Two operands of one dtype, as TF.js makes them before it calls a kernel. */
const arithmetic = (options: FloatOptions = {}): Generator => (draw) => {
  const [a, b] = draw.shapes();
  const whole = draw.chance(0.4);
  const operand = (shape: number[]) => (whole ? draw.integers(shape) : draw.floats(shape, { special: true, ...options }));
  return { inputs: { a: operand(a), b: operand(b) } };
};

const logic: Generator = (draw) => {
  const [a, b] = draw.shapes();
  return { inputs: { a: draw.booleans(a), b: draw.booleans(b) } };
};

const comparison: Generator = (draw) => {
  const [a, b] = draw.shapes();
  const dtype = draw.pick(["float32", "int32", "bool"] as const);
  const operand = (shape: number[]) => (dtype === "float32" ? draw.floats(shape, { special: true }) : draw.any(shape, dtype));
  return { inputs: { a: operand(a), b: operand(b) } };
};

const binary: Generators = {
  ...generatorsFor(["Add", "Sub", "Multiply", "SquaredDifference", "Maximum", "Minimum"], arithmetic()),
  ...generatorsFor(["Atan2", "RealDiv"], arithmetic()),
  // Infinities: -1 mod ∞ is NaN in JavaScript, and ∞ in C.
  ...generatorsFor(["Mod", "FloorDiv"], arithmetic({ special: false })),
  ...generatorsFor(["LogicalAnd", "LogicalOr"], logic),
  ...generatorsFor(["Equal", "NotEqual", "Greater", "GreaterEqual", "Less", "LessEqual"], comparison),
  // Of 1 to the power of NaN, which C says is 1, JavaScript says that it is NaN.
  Pow: (draw) => {
    const [a, b] = draw.shapes();
    if (draw.chance(0.4)) return { inputs: { a: draw.integers(a), b: draw.integers(b, -2, 5) } };
    return { inputs: { a: draw.floats(a, { low: 0.1 }), b: draw.floats(b) } };
  },
  BitwiseAnd: (draw) => {
    const [a, b] = draw.shapes();
    return { inputs: { a: draw.integers(a, -100, 100), b: draw.integers(b, -100, 100) } };
  },
  Prelu: (draw) => {
    const [x, alpha] = draw.shapes();
    return { inputs: { x: draw.floats(x, { special: true }), alpha: draw.floats(alpha) } };
  },
  EluGrad: (draw) => {
    const shape = draw.shape();
    return { inputs: { dy: draw.floats(shape), y: draw.floats(shape, { low: -1 }) } };
  },
};

/** Whole numbers stay whole, truncated. */
const unaryCall = (options: FloatOptions = {}, attributes: (draw: Draw) => Record<string, unknown> = () => ({})): Generator => (draw) => {
  const shape = draw.shape();
  const x = draw.chance(0.3) ? draw.integers(shape, Math.ceil(options.low ?? -4), Math.floor(options.high ?? 4)) : draw.floats(shape, { special: true, ...options });
  return { inputs: { x }, attributes: attributes(draw) };
};

const unary: Generators = {
  ...generatorsFor(["Abs", "Neg", "Relu", "Relu6", "Sign", "Square", "Ceil", "Floor", "Round"], unaryCall({ low: -8, high: 8 })),
  ...generatorsFor(["Acos", "Asin", "Atanh"], unaryCall({ low: -1.2, high: 1.2 })),
  ...generatorsFor(["Acosh", "Log", "Rsqrt", "Sqrt"], unaryCall({ low: 0.1, high: 9 })),
  ...generatorsFor(["Asinh", "Atan", "Cos", "Cosh", "Elu", "Erf", "Exp", "Expm1", "Selu", "Sigmoid", "Sin", "Sinh", "Tanh"], unaryCall()),
  ...generatorsFor(["IsFinite", "IsInf", "IsNan"], unaryCall()),
  Log1p: unaryCall({ low: -0.9, high: 9 }),
  Reciprocal: unaryCall({ low: 0.2, high: 5 }),
  // TF.js approximates from 13.9 on; the difference is below a millionth.
  Softplus: unaryCall({ low: -20, high: 30 }),
  Tan: unaryCall({ low: -1.3, high: 1.3 }),
  LogicalNot: (draw) => ({ inputs: { x: draw.booleans(draw.shape()) } }),
  LeakyRelu: unaryCall({}, (draw) => ({ alpha: draw.pick([0.2, 0.01, 1.5]) })),
  Step: unaryCall({}, (draw) => ({ alpha: draw.pick([0, 0.5, -2]) })),
  ClipByValue: unaryCall({}, (draw) => ({ clipValueMin: draw.pick([-2, -0.5, 0]), clipValueMax: draw.pick([0.25, 1, 2.5]) })),
};

const selection: Generators = {
  // TF.js' cpu backend repeats the first element of a row that a condition of rank 1 chooses; tf.where never calls it so.
  Select: (draw) => {
    const shape = draw.shape();
    const dtype = draw.pick(["float32", "int32", "bool"] as const);
    return { inputs: { condition: draw.booleans(shape), t: draw.any(shape, dtype), e: draw.any(shape, dtype) } };
  },
  AddN: (draw) => {
    const shape = draw.shape();
    const dtype = draw.pick(["float32", "int32"] as const);
    return { inputs: draw.list(draw.integer(1, 5), () => draw.any(shape, dtype)) };
  },
  Cast: (draw) => {
    const shape = draw.shape();
    const x = draw.chance(0.5) ? draw.any(shape) : draw.floats(shape, { low: -1e10, high: 1e10, special: true });
    return { inputs: { x }, attributes: { dtype: draw.pick(["float32", "int32", "bool"]) } };
  },
};

export const elementwiseCalls: Generators = { ...binary, ...unary, ...selection };
