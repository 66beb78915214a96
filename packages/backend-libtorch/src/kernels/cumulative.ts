// Sums and products along an axis: native/kernels/cumulative.cc.
import { tf } from "@dinov2/tensor";
import { type KernelBodies, kernelsNamed, one } from "./kernel.ts";

export const cumulativeKernels: KernelBodies = kernelsNamed(["Cumsum", "Cumprod"], (name) => (backend, { x }, attributes) => {
  const { axis, exclusive, reverse } = attributes as { axis: number; exclusive: boolean; reverse: boolean };
  return one(backend.run(name, [x], [tf.util.parseAxisParam(axis, x!.shape)[0]!, exclusive, reverse]));
});
