// Memory: tf.memory() counts the bytes that LibTorch's tensors take, what is disposed of goes at once, views cost nothing.
import { tf, useBackend } from "@dinov2/tensor";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type LibtorchBackend, missing, start } from "./index.ts";
import { testDevice } from "./testing/test-device.ts";

const why = await missing();
if (why === undefined) {
  describe("the libtorch backend's memory", tests);
} else {
  console.log(`skipped: backend libtorch, as ${why}`);
  it.skip(`backend libtorch: ${why}`, () => {});
}

const native = () => (tf.backend() as LibtorchBackend).nativeMemory();

/** TF.js' count of bytes, which is the true one. */
function bytes(): number {
  const { numBytes, numDataBuffers, unreliable } = tf.memory();
  expect(unreliable).toBeFalsy();
  expect(native()).toMatchObject({ bytes: numBytes, tensors: numDataBuffers });
  return numBytes;
}

function tests(): void {
  beforeAll(() => start({ device: testDevice }));

  let before = 0;
  beforeEach(() => {
    before = bytes();
  });
  const added = () => bytes() - before;

  it("is what tf.memory() says, of every dtype, and goes when a tensor is disposed of", () => {
    const tensors = [tf.ones([3, 5]), tf.tensor1d([1, 2, 3], "int32"), tf.tensor1d([true, false, true]), tf.zeros([0, 4]), tf.scalar(1)];
    expect(added()).toBe(60 + 12 + 3 + 0 + 4);
    tensors.forEach((tensor) => tensor.dispose());
    expect(added()).toBe(0);
  });

  it("of a result is its own: never a part of something larger", () => {
    const x = tf.ones([4, 6]);
    const results = [tf.slice(x, [1, 0], [1, 6]), tf.sum(x, 0), tf.split(x, 2, 1), tf.unstack(x), tf.transpose(x), tf.topk(x, 2), tf.cumsum(x, 0, true)];
    expect(added()).toBe(4 * (24 + 6 + 6 + 24 + 24 + 24 + 8 + 8 + 24));
    x.dispose();
    expect(added()).toBe(4 * (6 + 6 + 24 + 24 + 24 + 8 + 8 + 24));
    tf.dispose(results as unknown as tf.TensorContainer);
    expect(added()).toBe(0);
  });

  it("is shared by everything that moves no element", () => {
    const x = tf.ones([2, 1, 6]);
    const same = [
      tf.reshape(x, [3, 4]), tf.expandDims(x, 1), tf.squeeze(x), tf.clone(x), tf.cast(x, "float32"), tf.transpose(x, [1, 0, 2]), tf.slice(x, 0, 2),
      tf.tile(x, [1, 1, 1]), tf.split(x, [1], 1)[0]!, tf.unstack(x, 1)[0]!, tf.concat([x, tf.tidy(() => tf.zeros([2, 0, 6]))], 1), tf.sum(x, []), tf.reverse(x, 1),
    ];
    expect(native().bytes - before).toBe(48);
    expect(same.map((tensor) => tensor.dataId === x.dataId)).toEqual(same.map(() => true));
    x.dispose();
    expect(tf.tidy(() => tf.sum(same[0]!).dataSync()[0])).toBe(12);
    tf.dispose(same);
  });

  it("of a variable stays while a tensor shares it, and refCount counts both", () => {
    const backend = tf.backend() as LibtorchBackend;
    const x = tf.ones([5]);
    expect(backend.refCount(x.dataId)).toBe(1);
    const variable = tf.variable(x);
    expect(backend.refCount(x.dataId)).toBe(2);
    const reshaped = tf.reshape(variable, [1, 5]);
    expect(backend.refCount(x.dataId)).toBe(3);
    x.dispose();
    variable.assign(tf.tidy(() => tf.keep(tf.zeros([5]))));
    expect(backend.refCount(reshaped.dataId)).toBe(1);
    expect(reshaped.dataSync()).toEqual(Float32Array.of(1, 1, 1, 1, 1));
    tf.dispose([variable, reshaped]);
  });

  it("is given back when a kernel fails, also after other results of its own", () => {
    const x = tf.ones([4, 2]);
    const indices = tf.tensor1d([0, 9], "int32");
    const start = added();
    for (let repeat = 0; repeat < 3; repeat++) {
      expect(() => tf.gather(x, indices)).toThrow();
      expect(() => (tf.backend() as LibtorchBackend).run("SplitV", [x], [0, [2, 1]])).toThrow();
      expect(() => (tf.backend() as LibtorchBackend).run("SpaceToBatchND", [x])).toThrow();
      expect(() => tf.tidy(() => tf.spaceToBatchND(tf.ones([1, 3, 2, 1]), [2, 2], [[0, 0], [0, 0]]))).toThrow();
    }
    expect(added()).toBe(start);
    tf.dispose([x, indices]);
  });

  it("of thousands of results fits through one call", () => {
    const x = tf.ones([3000, 1, 1, 2]);
    const parts = tf.unstack(x);
    expect(parts.length).toBe(3000);
    expect(added()).toBe(2 * 4 * 6000);
    tf.dispose([x, parts]);
    expect(added()).toBe(0);
  });

  it("follows a tensor that comes from another backend", async () => {
    await useBackend({ name: "cpu" });
    const x = tf.tensor1d([1, 2, 3]);
    await tf.setBackend("libtorch");
    const y = tf.neg(x);
    expect(y.dataSync()).toEqual(Float32Array.of(-1, -2, -3));
    expect(native().bytes - before).toBe(24);
    tf.dispose([x, y]);
    expect(added()).toBe(0);
  });
}
