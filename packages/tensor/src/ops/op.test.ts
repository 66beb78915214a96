import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { gelu, hasFusedKernel, registerFusedKernel, useBackend, vectorJacobianProduct } from "../index.ts";
import { expectClose } from "../testing/index.ts";

beforeAll(() => useBackend({ name: "cpu" }));

const registered = ["GeluFused", "GeluFusedGrad"] as const;
afterEach(() => registered.forEach((name) => hasFusedKernel(name) && tf.unregisterKernel(name, "cpu")));

/** A kernel of the cpu backend that gives `value` everywhere. */
function registerConstant(name: "GeluFused" | "GeluFusedGrad", value: number): void {
  registerFusedKernel(name, "cpu", ({ x }, _attributes, backend) => {
    const data = new Float32Array(tf.util.sizeFromShape(x.shape)).fill(value);
    return [{ dataId: backend.write(data, x.shape, "float32"), shape: x.shape, dtype: "float32" }];
  });
}

describe("an op", () => {
  it("runs its portable definition on a backend without its kernel", () => {
    expectClose(tf.tidy(() => gelu(tf.tensor1d([0, 1])).dataSync()), [0, 0.8413447460685429]);
  });

  it("runs the backend's kernels, forward and backward, once they are registered", () => {
    registerConstant("GeluFused", 5);
    registerConstant("GeluFusedGrad", 7);
    tf.tidy(() => {
      const x = tf.tensor1d([0, 1]);
      expectClose(gelu(x), [5, 5]);
      expectClose(vectorJacobianProduct(() => gelu(x), [x], tf.ones([2]))[0]!, [7, 7]);
    });
  });

  it("joins a backend's forward kernel with the portable gradient", () => {
    registerConstant("GeluFused", 5);
    tf.tidy(() => {
      const x = tf.tensor1d([0]);
      expectClose(vectorJacobianProduct(() => gelu(x), [x], tf.ones([1]))[0]!, [0.5]);
    });
  });

  it("never gives a kernel a tensor without elements", () => {
    registerConstant("GeluFused", 5);
    expect(tf.tidy(() => gelu(tf.zeros([0, 3])).shape)).toEqual([0, 3]);
  });
});
