// Layer normalisation (native/kernels/layer-norm.cc), rows of unit length and weight normalisation (unit-rows.cc).
import { type KernelBodies, mayOverwrite } from "./kernel.ts";

export const normKernels: KernelBodies = {
  LayerNormFused: (backend, { x, weight, bias }, { epsilon }) => backend.run("LayerNormFused", [x, weight, bias], [epsilon as number]),
  LayerNormFusedGrad: (backend, { dy, x, weight, mean, rstd }) => backend.run("LayerNormFusedGrad", [dy, x, weight, mean, rstd]),
  L2Normalize: (backend, { x }, { epsilon }) => backend.run("L2Normalize", [x], [epsilon as number]),
  L2NormalizeGrad: (backend, { dy, y, norm }, { epsilon }) => backend.run("L2NormalizeGrad", [dy, y, norm], [epsilon as number]),
  WeightNorm: (backend, { v, g }) => backend.run("WeightNorm", [v, g]),
  WeightNormGrad: (backend, { dy, v, g, norm }, { overwriteDy }) => {
    const results = backend.run("WeightNormGrad", [dy, v, g, norm], [mayOverwrite(backend, dy!, overwriteDy)]);
    return results.length === 2 ? results : [backend.share(dy!, [...dy!.shape]), ...results];
  },
  WeightNormScale: (backend, { v, g }) => backend.run("WeightNormScale", [v, g]),
};
