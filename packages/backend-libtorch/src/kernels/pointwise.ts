// GELU and SwiGLU: native/kernels/pointwise.cc.
import type { KernelBodies } from "./kernel.ts";

export const pointwiseKernels: KernelBodies = {
  GeluFused: (backend, { x }) => backend.run("GeluFused", [x]),
  GeluFusedGrad: (backend, { dy, x }) => backend.run("GeluFusedGrad", [dy, x]),
  SwigluFused: (backend, { x }) => backend.run("SwigluFused", [x]),
  SwigluFusedGrad: (backend, { dy, x }) => backend.run("SwigluFusedGrad", [dy, x]),
};
