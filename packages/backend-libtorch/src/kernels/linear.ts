// Linear layers: native/kernels/linear.cc.
import type { KernelBodies } from "./kernel.ts";

export const linearKernels: KernelBodies = {
  LinearFused: (backend, { x, weight, bias }, { activation }) => backend.run("LinearFused", [x, weight, bias], [activation === "gelu"]),
  LinearFusedGrad: (backend, { dy, x, weight, preActivation }, { hasBias }) =>
    backend.run("LinearFusedGrad", [dy, x, weight, preActivation], [hasBias as boolean]),
  RoundOperand: (backend, { x }) => backend.run("RoundOperand", [x]),
  ScaledLinearGrad: (backend, { products, weight, gamma, sums, bias }) => backend.run("ScaledLinearGrad", [products, weight, gamma, sums, bias]),
};
