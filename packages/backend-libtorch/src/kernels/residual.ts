// The ends of residual branches (native/kernels/residual.cc), and rows taken by their indices (rows.cc).
import type { KernelBodies } from "./kernel.ts";

type Subset = { readonly indices: Int32Array; readonly scales: Float32Array };

export const residualKernels: KernelBodies = {
  LayerScaleResidual: (backend, { x, residual, gamma }) => backend.run("LayerScaleResidual", [x, residual, gamma]),
  LayerScaleResidualGrad: (backend, { dy, residual, gamma }) => backend.run("LayerScaleResidualGrad", [dy, residual, gamma]),
  AddResidualSubset: (backend, { x, residual, gamma }, attributes) => {
    const { indices, scales } = attributes as Subset;
    return backend.run("AddResidualSubset", [x, residual, gamma], [indices, scales]);
  },
  AddResidualSubsetGrad: (backend, { dy, residual, gamma }, attributes) => {
    const { indices, scales } = attributes as Subset;
    return backend.run("AddResidualSubsetGrad", [dy, residual, gamma], [indices, scales]);
  },
  GatherRows: (backend, { x }, { indices }) => backend.run("GatherRows", [x], [indices as Int32Array]),
  GatherRowsScaled: (backend, { x }, attributes) => {
    const { indices, scales } = attributes as Subset;
    return backend.run("GatherRowsScaled", [x], [indices, scales]);
  },
  GatherRowsGrad: (backend, { dy }, { indices, rows }) => backend.run("GatherRowsGrad", [dy], [indices as Int32Array, rows as number]),
};
