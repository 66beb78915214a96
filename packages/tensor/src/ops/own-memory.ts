import * as tf from "@tensorflow/tfjs-core";
import { hasFusedKernel } from "./kernels.ts";
import type { KernelName } from "./kernels.ts";

/**
 * Prepares variables for a kernel that writes to their memory. TF.js shares memory between a variable
 * and its clones (`tf.variable(other)` included), which such a kernel would change as well: a variable
 * that shares gets its own copy first. Does nothing where the portable definition runs.
 */
export function ownMemory(kernel: KernelName, variables: readonly tf.Variable[]): void {
  if (!hasFusedKernel(kernel)) return;
  const backend = tf.backend();
  for (const variable of variables) {
    if (backend.refCount(variable.dataId) === 1) continue;
    tf.tidy(() => variable.assign(tf.add(variable, 0)));
  }
}
