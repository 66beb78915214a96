// What training and testing see of a head: maps of frozen features in, metres out. A head is a file beside this one. Legend: B
// images, h × w patches, D width, H × W places of the answer.

import type { RandomStream } from "@dinov2/foundation";
import { tf, type Variable } from "@dinov2/tensor";
import type { FeatureMap } from "../dense/dense-features.ts";
import type { HeadTensors } from "../dense/head-weights.ts";

export interface DepthHead {
  readonly tensors: HeadTensors;
  /** Metres [B, H, W, 1] at the head's own resolution, not limited to the range. */
  predict(maps: readonly FeatureMap[]): tf.Tensor4D;
  dispose(): void;
}

/** Metres that a head can answer. */
export type DepthRange = readonly [near: number, far: number];

/** Fresh weights of a convolution as PyTorch draws them: uniform up to 1/√fan-in, for weights and biases. */
export function uniformVariable(shape: readonly number[], fanIn: number, random: RandomStream): Variable {
  const bound = 1 / Math.sqrt(fanIn);
  const values = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.uniform(-bound, bound));
  return tf.tidy(() => tf.variable(tf.tensor(values, [...shape])));
}
