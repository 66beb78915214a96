import * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import { beforeAll, describe, expect, it } from "vitest";
import { blockDiagonalAttention, layerNorm, linear, useBackend, valueAndGradients } from "../index.ts";
import type {} from "./web-assembly.ts";

const heapBytes = () =>
  (tf.backend() as BackendWasm as unknown as { wasm: { wasmMemory: WebAssembly.Memory } }).wasm.wasmMemory.buffer.byteLength;

describe("the wasm heap", () => {
  beforeAll(() => useBackend({ name: "wasm" }));

  it("holds what was there before, but a sum of no terms is 0", () => {
    tf.tidy(() => {
      const empty = tf.zeros([0, 3]);
      tf.dispose(Array.from({ length: 50 }, () => tf.fill([3], 7)));
      for (let i = 0; i < 50; i++) expect([...tf.sum(empty, 0).dataSync()]).toEqual([0, 0, 0]);
      expect(tf.sum(empty, 0, true).shape).toEqual([1, 3]);
      expect(tf.sum(tf.zeros([2, 0]), 1).shape).toEqual([2]);
      expect(tf.sum(empty).dataSync()[0]).toBe(0);
    });
  });

  // TF.js' own products keep a packed copy of each right operand they have seen; weights change every step.
  it("is no larger after 300 steps with changing weights than after 20", () => {
    const width = 32;
    const x = tf.randomNormal([96, width]);
    const weights = new Map([
      ["qkv", tf.variable(tf.randomNormal([3 * width, width], 0, 0.1))],
      ["out", tf.variable(tf.randomNormal([width, width], 0, 0.1))],
    ]);
    const [scale, shift] = [tf.ones([width]), tf.zeros([width])];
    const step = () => {
      const { value, gradients } = valueAndGradients(() => {
        const qkv = linear(layerNorm(x, scale, shift, 1e-6), weights.get("qkv")!) as tf.Tensor2D;
        const attended = blockDiagonalAttention(qkv, [{ count: 6, length: 16 }], 2);
        return tf.mean(tf.square(linear(attended, weights.get("out")!, null, "gelu"))) as tf.Scalar;
      }, weights);
      for (const [name, gradient] of gradients) {
        tf.tidy(() => weights.get(name)!.assign(tf.sub(weights.get(name)!, tf.mul(gradient, 0.1))));
        gradient.dispose();
      }
      value.dispose();
    };
    const state = () => ({ heap: heapBytes(), tensors: tf.memory().numTensors, data: tf.backend().numDataIds() });
    for (let i = 0; i < 20; i++) step();
    const before = state();
    for (let i = 0; i < 280; i++) step();
    expect(state()).toEqual(before);
    tf.dispose([x, scale, shift, ...weights.values()]);
  });
});
