// Batch normalisation by given statistics: native/kernels/batch-norm.cc.
import { type KernelBodies, one } from "./kernel.ts";

export const batchNormKernels: KernelBodies = {
  FusedBatchNorm: (backend, { x, mean, variance, offset, scale }, { varianceEpsilon }) =>
    one(backend.run("FusedBatchNorm", [x, mean, variance, offset, scale], [varianceEpsilon as number])),
};
