import type * as tf from "@tensorflow/tfjs-core";
import type { Tolerance } from "./expectations.ts";
import type { Values } from "./values.ts";

/** One op on one set of inputs, beside its definition. */
export interface OpCase {
  readonly op: string;
  /** What is particular about these inputs, such as their shapes. */
  readonly title: string;
  readonly inputs: readonly Values[];
  readonly run: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** The definition in float64, row-major. */
  readonly reference: (...inputs: Float64Array[]) => Float64Array;
  /** Shape of the result. */
  readonly shape: readonly number[];
  /** False for an op, or an input of it, that no gradient flows to; the default is true for all. */
  readonly differentiable?: boolean;
  readonly tolerance?: Tolerance;
}
