// Cross-entropy and Sinkhorn-Knopp over the prototypes: native/kernels/prototypes.cc; what does not hold their logits: prototype-loss.cc.
import type { KernelBodies } from "./kernel.ts";

export const prototypeKernels: KernelBodies = {
  PrototypeCrossEntropy: (backend, { student, teacher }, { temperature }) =>
    backend.run("PrototypeCrossEntropy", [student, teacher], [temperature as number]),
  // Over the logits themselves where the tape alone still holds them: they are the largest tensors of a step.
  PrototypeCrossEntropyGrad: (backend, { dy, student, teacher, logSumExp, mass }, { temperature }) => {
    const inPlace = backend.refCount(student!.dataId) === 1;
    const results = backend.run("PrototypeCrossEntropyGrad", [dy, student, teacher, logSumExp, mass], [temperature as number, inPlace]);
    return inPlace ? [backend.share(student!, [...student!.shape])] : results;
  },
  PrototypeTargets: (backend, { x, v, scale, center }, { temperature }) =>
    backend.run("PrototypeTargets", [x, v, scale, center], [temperature as number]),
  PrototypeLoss: (backend, { x, v, scale, teacher, weights, dV }, { temperature, gradient }) => {
    const inPlace = dV !== undefined && backend.refCount(dV.dataId) === 1;
    const results = backend.run("PrototypeLoss", [x, v, scale, teacher, weights, dV], [temperature as number, gradient as boolean, inPlace]);
    return inPlace && gradient ? [...results, backend.share(dV, [...dV.shape])] : results;
  },
  SinkhornKnopp: (backend, { logits }, { temperature, iterations }) =>
    backend.run("SinkhornKnopp", [logits], [temperature as number, iterations as number]),
};
