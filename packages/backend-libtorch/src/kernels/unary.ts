// Elementwise functions of one operand: native/kernels/unary.cc.
import { type KernelBodies, kernelsNamed, one } from "./kernel.ts";

const names = [
  "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Elu", "Erf", "Exp", "Expm1", "Floor", "Log",
  "Log1p", "Neg", "Reciprocal", "Relu", "Relu6", "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Sqrt",
  "Square", "Tan", "Tanh",
] as const;

export const unaryKernels: KernelBodies = {
  ...kernelsNamed(names, (name) => (backend, { x }) => one(backend.run(name, [x]))),
  LeakyRelu: (backend, { x }, { alpha }) => one(backend.run("LeakyRelu", [x], [alpha as number])),
  Step: (backend, { x }, { alpha }) => one(backend.run("Step", [x], [alpha as number])),
  ClipByValue: (backend, { x }, { clipValueMin, clipValueMax }) =>
    one(backend.run("ClipByValue", [x], [clipValueMin as number, clipValueMax as number])),
};
