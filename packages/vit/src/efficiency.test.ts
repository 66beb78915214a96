// What saves work or memory changes no number: each way of computing a gradient beside the plain one.

import { RandomStream, type Tensor, tf, useBackend, valueAndGradients } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { vitConfig } from "./sizes.ts";
import { type ForwardOptions, VisionTransformer } from "./vision-transformer.ts";

beforeAll(() => useBackend({ name: "wasm", threads: 1 }));

const random = RandomStream.fromSeed(9);
const images = (...shape: [number, number, number, number]) =>
  tf.tensor4d(Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()), shape);

function gradientsOf(model: VisionTransformer, options: ForwardOptions, crops = [images(4, 3, 16, 16), images(6, 3, 8, 8)]) {
  const read = Int32Array.from([0, 3, 17, 70]);
  const draws = { training: true, random: RandomStream.fromSeed(5) };
  return valueAndGradients(() => {
    const rows = model.forwardRows(crops.map((each) => ({ images: each })), () => read, { ...draws, ...options });
    return tf.mean<tf.Scalar>(tf.square(tf.sub(rows, 1)));
  }, model.parameters);
}

const largest = (tensor: Tensor) => tf.max(tf.abs(tensor)).dataSync()[0]!;

describe.each(["mlp", "swiglu", "identity"] as const)("a network with %s blocks", (ffnLayer) => {
  const config = vitConfig("tiny", {
    ...{ embedDim: 12, depth: 3, numHeads: 3, patchSize: 4, imageSize: 16, initValues: 0.5 },
    ...{ ffnLayer, dropPathRate: 0.4, blockChunks: 3 },
  });
  it.each([
    ["runs blocks again on the way back", { recompute: true }],
    ["also runs branches on samples that are left out", { computeDropped: true }],
    ["does both", { recompute: true, computeDropped: true }],
  ] as const)("has the same gradients when it %s", (_, options) => {
    const model = VisionTransformer.create(config, RandomStream.fromSeed(0));
    const crops = [images(4, 3, 16, 16), images(6, 3, 8, 8)];
    const [plain, other] = [gradientsOf(model, {}, crops), gradientsOf(model, options, crops)];
    expect(largest(tf.sub(plain.value, other.value))).toBeLessThan(1e-5);
    expect([...other.gradients.keys()].sort()).toEqual([...plain.gradients.keys()].sort());
    for (const [name, gradient] of plain.gradients) {
      const difference = largest(tf.sub(gradient, other.gradients.get(name)!));
      expect(difference, name).toBeLessThan(1e-5 * (1 + largest(gradient)));
    }
  });
});

it("keeps of a block that it runs again what enters it, and gives all of it back", () => {
  const [width, batch] = [48, 8];
  const crops = [{ images: images(batch, 3, 32, 32) }];
  const keptBytes = (depth: number, recompute: boolean) => {
    const config = vitConfig("tiny", { embedDim: width, depth, numHeads: 3, patchSize: 4, imageSize: 32 });
    const model = VisionTransformer.create(config, RandomStream.fromSeed(0));
    const before = tf.memory();
    let kept = 0;
    const { value, gradients } = valueAndGradients(() => {
      const rows = model.forwardRows(crops, () => Int32Array.from([0]), { training: true, recompute });
      kept = tf.memory().numBytes - before.numBytes;
      return tf.mean<tf.Scalar>(rows);
    }, model.parameters);
    tf.dispose([value, ...gradients.values()]);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    return kept;
  };
  const ofBlock = (recompute: boolean) => (keptBytes(6, recompute) - keptBytes(2, recompute)) / 4;
  const stream = 4 * batch * (1 + 64) * width; // bytes of x
  expect(ofBlock(true)).toBe(stream);
  expect(ofBlock(false)).toBeGreaterThan(4 * stream);
});
