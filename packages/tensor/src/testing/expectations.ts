import * as tf from "@tensorflow/tfjs-core";
import { expect } from "vitest";
import type { Values } from "./values.ts";

/** |actual - expected| <= absolute + relative * |expected|, for every element. */
export interface Tolerance {
  readonly absolute: number;
  readonly relative: number;
}

/** Float32 rounding over sums of some hundred terms of size 1. */
export const float32Tolerance: Tolerance = { absolute: 2e-5, relative: 2e-5 };

type Numbers = tf.Tensor | Values | ArrayLike<number>;

function numbersOf(numbers: Numbers): ArrayLike<number> {
  if (numbers instanceof tf.Tensor) return numbers.dataSync();
  return "data" in numbers ? numbers.data : numbers;
}

/** Fails with the worst element when two sets of numbers differ by more than `tolerance`, in count, or by a NaN. */
export function expectClose(actual: Numbers, expected: Numbers, tolerance: Tolerance = float32Tolerance): void {
  const [got, want] = [numbersOf(actual), numbersOf(expected)];
  expect(got.length, "number of elements").toBe(want.length);
  let worst = { index: -1, excess: 1 };
  for (let i = 0; i < want.length; i++) {
    const allowed = tolerance.absolute + tolerance.relative * Math.abs(want[i]!);
    const excess = Object.is(got[i], want[i]) || got[i] === want[i] ? 0 : Math.abs(got[i]! - want[i]!) / allowed;
    if (!(excess <= worst.excess)) worst = { index: i, excess: Number.isNaN(excess) ? Infinity : excess };
  }
  const { index, excess } = worst;
  if (index < 0) return;
  expect.fail(`element ${index} of ${want.length} is ${got[index]}, expected ${want[index]}: ${excess.toFixed(1)} times the tolerance`);
}

/**
 * Runs `compute`, disposes of the tensors it gives, and fails when any other tensor, or any memory of the
 * backend, is left. It runs once before, so that what a first call sets up for good does not count.
 */
export function expectNoLeaks(compute: () => tf.TensorContainer): void {
  tf.dispose(compute());
  const before = { ...tf.memory(), dataIds: tf.backend().numDataIds() };
  tf.dispose(compute());
  const after = { ...tf.memory(), dataIds: tf.backend().numDataIds() };
  for (const count of ["numTensors", "numDataBuffers", "numBytes", "dataIds"] as const) {
    expect(after[count], count).toBe(before[count]);
  }
}
