import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, it } from "vitest";
import { useBackend } from "../backends/index.ts";
import { gelu } from "../ops/gelu.ts";

/**
 * The normal distribution function in float64, beyond |x| = 6 to a relative 1e-13: a power series near 0, the continued
 * fraction of the tail further out (Abramowitz and Stegun 26.2.10 and 26.2.14).
 */
function normalDistribution(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(x) < 3) {
    let term = x;
    let sum = x;
    for (let k = 1; k < 60; k++) sum += term *= (x * x) / (2 * k + 1);
    return 0.5 + density * sum;
  }
  let fraction = Math.abs(x);
  for (let k = 200; k >= 1; k--) fraction = Math.abs(x) + k / fraction;
  const tail = density / fraction;
  return x < 0 ? tail : 1 - tail;
}

/** 200 001 points, so that chunks, sixteens and a tail are all there. */
const points = (low: number, high: number) => Float32Array.from({ length: 200_001 }, (_, i) => low + ((high - low) * i) / 200_000);

function worstRelativeError(got: ArrayLike<number>, x: Float32Array, reference: (x: number) => number): number {
  let worst = 0;
  x.forEach((value, i) => {
    const want = reference(value);
    const error = Math.abs(got[i]! - want);
    if (want !== 0) worst = Math.max(worst, error / Math.abs(want));
  });
  return worst;
}

describe("elementary functions of the wasm kernels", () => {
  beforeAll(() => useBackend({ name: "wasm" }));

  it("gelu is right to 2.5e-7 of its value for x > -1, and to 3e-6 in the tail down to -9", () => {
    const value = (x: number) => x * normalDistribution(x);
    const near = points(-1, 12);
    expect(worstRelativeError(tf.tidy(() => gelu(tf.tensor1d(near)).dataSync()), near, value)).toBeLessThan(2.5e-7);
    const far = points(-9, -1);
    expect(worstRelativeError(tf.tidy(() => gelu(tf.tensor1d(far)).dataSync()), far, value)).toBeLessThan(3e-6);
  });

  it("the slope of gelu is right to 2e-7", () => {
    const x = points(-9, 9);
    const slopes = tf.tidy(() => tf.grad((t: tf.Tensor) => gelu(t))(tf.tensor1d(x)).dataSync());
    let worst = 0;
    x.forEach((value, i) => {
      const density = Math.exp((-value * value) / 2) / Math.sqrt(2 * Math.PI);
      worst = Math.max(worst, Math.abs(slopes[i]! - (normalDistribution(value) + value * density)));
    });
    expect(worst).toBeLessThan(2e-7);
  });

  it("exp is right to 2e-7 of its value over the normal numbers", () => {
    const x = points(-87, 88.7);
    expect(worstRelativeError(tf.tidy(() => tf.exp(tf.tensor1d(x)).dataSync()), x, Math.exp)).toBeLessThan(2e-7);
  });

  it("exp keeps what IEEE says about infinity, overflow, underflow and NaN", () => {
    const values = tf.tidy(() => tf.exp(tf.tensor1d([Infinity, -Infinity, NaN, 0, 89, -104, -95])).dataSync());
    expect([...values.slice(0, 6)]).toEqual([Infinity, 0, NaN, 1, Infinity, 0]);
    // Subnormal: 5.5e-42 in steps of 1.4e-45.
    expect(values[6]! / Math.exp(-95)).toBeCloseTo(1, 3);
  });
});
