// Tensors out of nothing: native/kernels/creation.cc.
import { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { dtypeCode } from "../dtypes.ts";
import { type KernelBodies, one } from "./kernel.ts";

function fill(backend: LibtorchBackend, shape: readonly number[], value: number, dtype: tf.DataType): tf.TensorInfo {
  return one(backend.run("Fill", [], [shape, value, dtypeCode(dtype)]));
}

export const creationKernels: KernelBodies = {
  Fill: (backend, _inputs, attributes) => {
    const { shape, value, dtype } = attributes as { shape: number[]; value: number | string; dtype?: tf.DataType };
    return fill(backend, shape, Number(value), dtype ?? tf.util.inferDtype(value));
  },
  ZerosLike: (backend, { x }) => fill(backend, x!.shape, 0, x!.dtype),
  OnesLike: (backend, { x }) => fill(backend, x!.shape, 1, x!.dtype),
  Range: (backend, _inputs, attributes) => {
    const { start, stop, step, dtype } = attributes as { start: number; stop: number; step: number; dtype: tf.DataType };
    // As in TF.js: a step of 1, its default, also counts down, and any other step away from `stop` gives nothing.
    const stride = stop < start && step === 1 ? -1 : step;
    const count = Math.max(0, Math.ceil((stop - start) / stride));
    return one(backend.run("Range", [], [start, stride, count, dtypeCode(dtype)]));
  },
  LinSpace: (backend, _inputs, { start, stop, num }) => one(backend.run("LinSpace", [], [start as number, stop as number, num as number])),
};
