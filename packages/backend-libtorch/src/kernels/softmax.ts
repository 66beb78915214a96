// Softmax: native/kernels/softmax.cc.
import { type KernelBodies, one } from "./kernel.ts";

export const softmaxKernels: KernelBodies = {
  Softmax: (backend, { logits }, { dim }) => one(backend.run("Softmax", [logits], [dim as number])),
};
