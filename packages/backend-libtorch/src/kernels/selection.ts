// Choosing between tensors, adding up many, and changing a dtype: native/kernels/selection.cc.
import type { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { dtypeCode } from "../dtypes.ts";
import { type KernelBodies, one } from "./kernel.ts";

/** `x` as `dtype`; the same memory when it is that already. */
export function castTo(backend: LibtorchBackend, x: tf.TensorInfo, dtype: tf.DataType): tf.TensorInfo {
  return x.dtype === dtype ? backend.share(x, [...x.shape]) : one(backend.run("Cast", [x], [dtypeCode(dtype)]));
}

export const selectionKernels: KernelBodies = {
  Select: (backend, { condition, t, e }) => one(backend.run("Select", [condition, t, e])),
  AddN: (backend, inputs) => one(backend.run("AddN", Object.values(inputs))),
  Cast: (backend, { x }, { dtype }) => castTo(backend, x!, dtype as tf.DataType),
};
