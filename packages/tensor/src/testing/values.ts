// Plain numbers with a shape: what the reference definitions compute on, in float64, without any backend.
import * as tf from "@tensorflow/tfjs-core";
import { RandomStream } from "@dinov2/foundation";

export interface Values {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

/** Numbers that float32 holds exactly, so that the backend and the reference start from the same. */
export function values(shape: readonly number[], fill: (i: number) => number): Values {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(fill(i))) };
}

/** Normal numbers, the same on every run for one shape and seed. */
export function normal(shape: readonly number[], seed = 0, deviation = 1): Values {
  const random = RandomStream.fromSeed(seed).split("values", ...shape);
  return values(shape, () => random.normal(0, deviation));
}

/** Uniform numbers over [low, high), the same on every run for one shape and seed. */
export function uniform(shape: readonly number[], low: number, high: number, seed = 0): Values {
  const random = RandomStream.fromSeed(seed).split("values", ...shape);
  return values(shape, () => random.uniform(low, high));
}

export function toTensor({ shape, data }: Values): tf.Tensor {
  return tf.tensor(Float32Array.from(data), [...shape], "float32");
}
