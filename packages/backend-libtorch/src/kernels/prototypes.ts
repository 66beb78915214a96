// Cross-entropy and Sinkhorn-Knopp over the prototypes: native/kernels/prototypes.cc.
import type { KernelBodies } from "./kernel.ts";

export const prototypeKernels: KernelBodies = {
  PrototypeCrossEntropy: (backend, { student, teacher }, { temperature }) =>
    backend.run("PrototypeCrossEntropy", [student, teacher], [temperature as number]),
  PrototypeCrossEntropyGrad: (backend, { dy, student, teacher, logSumExp, mass }, { temperature }) =>
    backend.run("PrototypeCrossEntropyGrad", [dy, student, teacher, logSumExp, mass], [temperature as number]),
  SinkhornKnopp: (backend, { logits }, { temperature, iterations }) =>
    backend.run("SinkhornKnopp", [logits], [temperature as number, iterations as number]),
};
