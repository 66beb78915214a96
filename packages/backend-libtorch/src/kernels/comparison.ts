// Comparisons and logic: native/kernels/comparison.cc.
import { type KernelBodies, kernelsNamed, one } from "./kernel.ts";

const ofTwo = ["Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalOr", "NotEqual"] as const;
const ofOne = ["IsFinite", "IsInf", "IsNan", "LogicalNot"] as const;

export const comparisonKernels: KernelBodies = {
  ...kernelsNamed(ofTwo, (name) => (backend, { a, b }) => one(backend.run(name, [a, b]))),
  ...kernelsNamed(ofOne, (name) => (backend, { x }) => one(backend.run(name, [x]))),
};
