// Every TF.js kernel of this backend. The fused ones carry the names of `@dinov2/tensor`'s table.
import { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { binaryKernels } from "./binary.ts";
import type { KernelBodies } from "./kernel.ts";
import { linearKernels } from "./linear.ts";
import { normKernels } from "./norms.ts";
import { pointwiseKernels } from "./pointwise.ts";
import { prototypeKernels } from "./prototypes.ts";
import { residualKernels } from "./residual.ts";
import { shapeKernels } from "./shape.ts";
import { updateKernels } from "./update.ts";

/** Needed by TF.js programs whatever they do. */
export const tfjsKernels: KernelBodies = { ...binaryKernels, ...shapeKernels };

/** Faster than the portable definitions that they stand for. */
export const fusedKernels: KernelBodies = {
  ...linearKernels,
  ...normKernels,
  ...pointwiseKernels,
  ...prototypeKernels,
  ...residualKernels,
  ...updateKernels,
};

function setKernels(bodies: KernelBodies, backendName: string, present: boolean): void {
  for (const [kernelName, body] of Object.entries(bodies)) {
    if (tf.getKernel(kernelName, backendName) !== undefined) tf.unregisterKernel(kernelName, backendName);
    if (!present) continue;
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: ({ inputs, attrs, backend }) => body(backend as LibtorchBackend, inputs as never, (attrs ?? {}) as never),
    });
  }
}

/** Registers all kernels; those of the fused table only when `fused`. */
export function registerKernels(backendName: string, fused: boolean): void {
  setKernels(tfjsKernels, backendName, true);
  setKernels(fusedKernels, backendName, fused);
}
