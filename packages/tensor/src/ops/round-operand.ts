import * as tf from "@tensorflow/tfjs-core";
import { currentPrecision } from "../full-precision.ts";
import { kernel } from "./op.ts";

const rounded = kernel("RoundOperand", ({ x }) => [tf.clone(x)]);

/**
 * x as products of the current precision read it, for weights that many of them read: rounded once, and in bfloat16 in half of the
 * memory. Their products are the same to the last bit. In float32 a clone. No gradient.
 */
export function roundOperand<T extends tf.Tensor>(x: T): T {
  return currentPrecision() === "fp32" ? tf.clone(x) : (rounded({ x }, {})[0] as T);
}
