// Every TF.js kernel of this backend. The fused ones carry the names of `@dinov2/tensor`'s table.
import { tf } from "@dinov2/tensor";
import type { LibtorchBackend } from "../backend.ts";
import { attentionKernels } from "./attention.ts";
import { float64Kernels } from "./float64.ts";
import type { KernelBodies } from "./kernel.ts";
import { linearKernels } from "./linear.ts";
import { nearestKernels } from "./nearest.ts";
import { normKernels } from "./norms.ts";
import { pointwiseKernels } from "./pointwise.ts";
import { prototypeKernels } from "./prototypes.ts";
import { residualKernels } from "./residual.ts";
import { tfjsKernels } from "./tfjs.ts";
import { updateKernels } from "./update.ts";

/** Faster than the portable definitions that they stand for. */
export const fusedKernels: KernelBodies = {
  ...attentionKernels,
  ...float64Kernels,
  ...linearKernels,
  ...nearestKernels,
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

/** The names of all kernels that this backend has. */
export const coveredKernels: readonly string[] = [...Object.keys(tfjsKernels), ...Object.keys(fusedKernels)].sort();

/** Registers all kernels; those of the fused table only when `fused`. */
export function registerKernels(backendName: string, fused: boolean): void {
  setKernels(tfjsKernels, backendName, true);
  setKernels(fusedKernels, backendName, fused);
}
