// Pooling and its gradients: native/kernels/pooling.cc.
import type { tf } from "@dinov2/tensor";
import type { Attribute } from "../call-frame.ts";
import { type Attributes, type KernelBodies, kernelsNamed, one } from "./kernel.ts";
import { poolingInfo, windowAttributes, type WindowAttributes } from "./window.ts";

function poolingAttributes(x: tf.TensorInfo, attributes: Attributes): Attribute[] {
  const { filterSize, ...window } = attributes as unknown as WindowAttributes & { filterSize: [number, number] | number };
  const info = poolingInfo(x.shape, filterSize, window);
  return [[info.filterHeight, info.filterWidth], ...windowAttributes(info)];
}

export const poolingKernels: KernelBodies = {
  ...kernelsNamed(["AvgPool", "MaxPool"], (name) => (backend, { x }, attributes) =>
    one(backend.run(name, [x], poolingAttributes(x!, attributes)))),
  ...kernelsNamed(["AvgPoolGrad", "MaxPoolGrad"], (name) => (backend, { dy, input }, attributes) =>
    one(backend.run(name, [dy, input], poolingAttributes(input!, attributes)))),
};
