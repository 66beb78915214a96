import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeEach, expect } from "vitest";

/** Every test of the file gives back all tensors that it makes. */
export function expectEqualTensorCounts(): void {
  let before = 0;
  beforeEach(() => {
    before = tf.memory().numTensors;
  });
  afterEach(() => {
    expect(tf.memory().numTensors).toBe(before);
  });
}
