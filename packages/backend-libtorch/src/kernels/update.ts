// What runs over all parameters once a step: native/kernels/update.cc.
import type { KernelAttributes } from "@dinov2/tensor";
import type { KernelBodies } from "./kernel.ts";

export const updateKernels: KernelBodies = {
  GlobalNorm: (backend, inputs, { counts }) => backend.run("GlobalNorm", Object.values(inputs), [counts as number[]]),
  AdamWUpdate: (backend, inputs, attributes) => {
    const { learningRates, weightDecays, gradientFactors, ...common } = attributes as unknown as KernelAttributes<"AdamWUpdate">;
    const { beta1, beta2, epsilon, firstCorrection, secondCorrection } = common;
    const numbers = [beta1, beta2, epsilon, firstCorrection, secondCorrection];
    return backend.run("AdamWUpdate", Object.values(inputs), [learningRates, weightDecays, gradientFactors, ...numbers]);
  },
  AddInPlace: (backend, { sum, term }) => backend.run("AddInPlace", [sum, term]),
  EmaUpdate: (backend, inputs, { momentum }) => backend.run("EmaUpdate", Object.values(inputs), [momentum as number]),
};
