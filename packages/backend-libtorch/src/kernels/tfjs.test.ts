// What TF.js' cpu backend cannot vouch for: its gradients of resizing and pooling are not the slopes of its own results, and a
// slice that drops an axis fails there. Besides, numbers that depend on no number of threads.
import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { expectClose } from "@dinov2/tensor/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { coveredKernels, missing, start } from "../index.ts";
import { testDevice } from "../testing/test-device.ts";
import { tfjsKernels } from "./tfjs.ts";

const why = await missing();
if (why === undefined) {
  describe("TF.js' kernels of the libtorch backend", tests);
} else {
  console.log(`skipped: backend libtorch, as ${why}`);
  it.skip(`backend libtorch: ${why}`, () => {});
}

const run = (kernel: string, inputs: tf.NamedTensorMap, attributes: object) =>
  tf.engine().runKernel(kernel, inputs, attributes as tf.NamedAttrMap) as tf.Tensor;

function normal(shape: number[], seed = 1): tf.Tensor {
  const random = RandomStream.fromSeed(seed);
  return tf.tensor(Float32Array.from({ length: tf.util.sizeFromShape(shape) }, () => random.normal()), shape);
}

const dot = (a: tf.Tensor, b: tf.Tensor) => tf.sum(tf.mul(a, b)).dataSync()[0]!;

/** A linear op and its gradient are transposes of each other: ⟨dy, op(x)⟩ = ⟨gradient(dy), x⟩. */
function isTransposed(x: tf.Tensor, op: (x: tf.Tensor) => tf.Tensor, gradient: (dy: tf.Tensor) => tf.Tensor): void {
  const y = op(x);
  const dy = normal(y.shape, 2);
  const dx = gradient(dy);
  expect(dx.shape).toEqual(x.shape);
  expectClose([dot(dx, x)], [dot(dy, y)], { absolute: 1e-4, relative: 1e-5 });
}

function tests(): void {
  beforeAll(() => start({ device: testDevice }));

  it("are listed by name", () => {
    expect(coveredKernels).toEqual(expect.arrayContaining(Object.keys(tfjsKernels)));
    expect(new Set(coveredKernels).size).toBe(coveredKernels.length);
  });

  const modes = [{ alignCorners: true, halfPixelCenters: false }, { alignCorners: false, halfPixelCenters: true }, { alignCorners: false, halfPixelCenters: false }];
  it.each(["ResizeBilinear", "ResizeNearestNeighbor"])("%s has its slope as gradient, on images that are not square and batches", (kernel) => {
    for (const mode of modes) for (const size of [[3, 4], [11, 7], [5, 8], [1, 1]]) {
      tf.tidy(() => {
        const images = normal([2, 5, 8, 3]);
        isTransposed(images, (x) => run(kernel, { images: x }, { size, ...mode }), (dy) => run(`${kernel}Grad`, { images, dy }, mode));
      });
    }
  });

  it("DepthwiseConv2dNative takes null for no dilation, as TF.js layers pass it", () => {
    tf.tidy(() => {
      const inputs = { x: normal([1, 5, 6, 2]), filter: normal([3, 3, 2, 1], 2) };
      const [none, one] = [null, 1].map((dilations) => run("DepthwiseConv2dNative", inputs, { strides: 1, pad: "same", dilations }));
      expect(Array.from(none!.dataSync())).toEqual(Array.from(one!.dataSync()));
    });
  });

  it("AvgPool has its slope as gradient, where the window lies partly outside too", () => {
    for (const pad of ["same", "valid", 1]) for (const strides of [1, 2, 3]) {
      tf.tidy(() => {
        const input = normal([2, 7, 8, 3]);
        const attributes = { filterSize: [3, 2], strides, pad, dimRoundingMode: pad === 1 ? "floor" : undefined };
        isTransposed(input, (x) => run("AvgPool", { x }, attributes), (dy) => run("AvgPoolGrad", { dy, input }, attributes));
      });
    }
  });

  it("StridedSlice drops axes, adds some, and gives nothing of an empty range", () => {
    tf.tidy(() => {
      const x = tf.reshape(tf.range(0, 24), [4, 6]);
      const dropped = tf.stridedSlice(x, [1, 0], [2, 6], [1, 2], 0, 0, 0, 0, 1);
      expect([dropped.shape, [...dropped.dataSync()]]).toEqual([[3], [6, 8, 10]]);
      expect(tf.stridedSlice(x, [0, 1, 5], [4, 2, 1], [2, 1, -2], 0, 0, 0, 2).arraySync()).toEqual([[[5, 3]], [[17, 15]]]);
      expect(tf.stridedSlice(x, [3, 0], [1, 6], [1, 1]).shape).toEqual([0, 6]);
    });
  });

  it("a condition of rank 1 chooses rows", () => {
    tf.tidy(() => {
      const [t, e] = [tf.tensor2d([[1, 2], [3, 4]]), tf.tensor2d([[5, 6], [7, 8]])];
      expect(run("Select", { condition: tf.tensor1d([false, true]), t, e }, {}).arraySync()).toEqual([[5, 6], [3, 4]]);
    });
  });

  it("sums do not depend on the number of threads, to the bit", async () => {
    const x = normal([3, 100_003]);
    const sums = [];
    for (const threads of [1, 2, 3]) {
      await start({ device: testDevice, threads });
      sums.push(tf.tidy(() => [tf.sum(x), tf.mean(x), tf.sum(tf.reshape(x, [1, -1]), 1), tf.sum(x, 0), tf.sum(x, 1)].map((sum) => [...sum.dataSync()])));
    }
    expect(sums[1]).toEqual(sums[0]);
    expect(sums[2]).toEqual(sums[0]);
    x.dispose();
  });

  it("a net of convolutions gives what the cpu backend gives", async () => {
    const results = [];
    for (const begin of [() => useBackend({ name: "cpu" }), () => start({ device: testDevice })]) {
      await begin();
      results.push(tf.tidy(() => convolutionalNet(normal([2, 16, 16, 3]) as tf.Tensor4D).dataSync()));
    }
    expectClose(results[1]!, results[0]!, { absolute: 1e-5, relative: 1e-4 });
  });
}

/** What MobileNetV2 is made of: a convolution, inverted residual blocks, pooling, a classifier. */
function convolutionalNet(image: tf.Tensor4D): tf.Tensor {
  const filter = (shape: number[], seed: number) => tf.mul<tf.Tensor4D>(normal(shape, seed), 0.3);
  const normalised = (x: tf.Tensor4D) =>
    tf.batchNorm(x, tf.fill([x.shape[3]], 0.1) as tf.Tensor1D, tf.fill([x.shape[3]], 0.8) as tf.Tensor1D, undefined, undefined, 1e-3);
  let x: tf.Tensor4D = tf.relu6<tf.Tensor4D>(normalised(tf.conv2d(image, filter([3, 3, 3, 8], 1), 2, "same")));
  for (const stride of [1, 2]) {
    const wide = tf.relu6<tf.Tensor4D>(normalised(tf.fused.conv2d({ x, filter: filter([1, 1, 8, 24], 2), strides: 1, pad: "same", activation: "linear" })));
    const deep = tf.relu6<tf.Tensor4D>(normalised(tf.depthwiseConv2d(wide, filter([3, 3, 24, 1], 3), stride, "same")));
    const narrow = normalised(tf.conv2d(deep, filter([1, 1, 24, 8], 4), 1, "same"));
    x = stride === 1 ? tf.add<tf.Tensor4D>(x, narrow) : narrow;
  }
  const pooled = tf.mean(tf.maxPool(x, 2, 1, "same"), [1, 2]);
  return tf.softmax(tf.matMul(pooled as tf.Tensor2D, normal([8, 10], 5) as tf.Tensor2D));
}
