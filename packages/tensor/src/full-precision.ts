import * as tf from "@tensorflow/tfjs-core";

/** A backend that rounds the operands of products, and can be told not to. */
interface ReducedPrecisionBackend {
  inFullPrecision?<T>(compute: () => T): T;
}

/**
 * `compute()` with its products in float32, whatever precision the backend was started with: for the few whose results are
 * compared or sorted, such as similarities. Covers what runs inside, not the gradients that are taken later.
 */
export function fullPrecision<T>(compute: () => T): T {
  const backend = tf.backend() as tf.KernelBackend & ReducedPrecisionBackend;
  return backend.inFullPrecision ? backend.inFullPrecision(compute) : compute();
}
