// Nearest neighbours: native/kernels/nearest.cc.
import type { KernelBodies } from "./kernel.ts";

export const nearestKernels: KernelBodies = {
  NearestRows: (backend, { queries, bank, floors }, { k }) => backend.run("NearestRows", [queries, bank, floors], [k as number]),
};
