// Elementwise arithmetic of two operands, with broadcasting: native/kernels/binary.cc.
import { type KernelBodies, kernelsNamed, one } from "./kernel.ts";

const names = [
  "Add", "Atan2", "BitwiseAnd", "FloorDiv", "Maximum", "Minimum", "Mod", "Multiply", "Pow", "RealDiv", "SquaredDifference", "Sub",
] as const;

export const binaryKernels: KernelBodies = {
  ...kernelsNamed(names, (name) => (backend, { a, b }) => one(backend.run(name, [a, b]))),
  Prelu: (backend, { x, alpha }) => one(backend.run("Prelu", [x, alpha])),
  EluGrad: (backend, { dy, y }) => one(backend.run("EluGrad", [dy, y])),
};
