import * as tf from "@tensorflow/tfjs-core";
import type { Precision } from "./backends/description.ts";

/** A backend that rounds the operands of products, and can be told not to. */
interface ReducedPrecisionBackend {
  readonly precision?: Precision;
  inFullPrecision?<T>(compute: () => T): T;
}

/**
 * `compute()` with its products in float32, whatever precision the backend was started with: for the few whose results are
 * compared or sorted, such as similarities. Covers what runs inside, not the gradients that are taken later.
 */
export function fullPrecision<T>(compute: () => T): T {
  const backend = currentBackend();
  return backend.inFullPrecision ? backend.inFullPrecision(compute) : compute();
}

/** How the current backend multiplies. */
export function currentPrecision(): Precision {
  return currentBackend().precision ?? "fp32";
}

const currentBackend = () => tf.backend() as tf.KernelBackend & ReducedPrecisionBackend;
