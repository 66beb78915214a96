// GELU and SwiGLU: native/kernels/pointwise.cc.
import { type KernelBodies, mayOverwrite } from "./kernel.ts";

export const pointwiseKernels: KernelBodies = {
  GeluFused: (backend, { x }) => backend.run("GeluFused", [x]),
  GeluFusedGrad: (backend, { dy, x }, { overwriteDy }) => {
    const results = backend.run("GeluFusedGrad", [dy, x], [mayOverwrite(backend, dy!, overwriteDy)]);
    return results.length === 1 ? results : [backend.share(dy!, [...dy!.shape])];
  },
  SwigluFused: (backend, { x }) => backend.run("SwigluFused", [x]),
  SwigluFusedGrad: (backend, { dy, x }) => backend.run("SwigluFusedGrad", [dy, x]),
};
