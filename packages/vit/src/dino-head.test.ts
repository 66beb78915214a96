import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { DinoHead, dinoHeadParameterSpecs } from "./dino-head.ts";
import { elementCount } from "./parameters.ts";

beforeAll(() => useBackend({ name: "cpu" }));

const config = { inDim: 6, outDim: 20, numLayers: 3, hiddenDim: 8, bottleneckDim: 5, mlpBias: true } as const;

describe("DinoHead", () => {
  it("gives cosines between -1 and 1 while g is one", async () => {
    const head = DinoHead.create(config, RandomStream.fromSeed(0));
    const logits = head.forward(tf.randomNormal([7, 6], 0, 5, "float32", 1) as tf.Tensor2D);
    expect(logits.shape).toEqual([7, 20]);
    expect(Math.max(...(await tf.abs(logits).data()))).toBeLessThanOrEqual(1 + 1e-6);
    expect(Math.max(...(await tf.abs(logits).data()))).toBeGreaterThan(0.3);
  });

  it("leaves no tensor behind in a forward and a backward", () => {
    const head = DinoHead.create(config, RandomStream.fromSeed(0));
    const x = tf.ones<tf.Rank.R2>([3, 6]);
    const before = tf.memory().numTensors;
    const { value, grads } = tf.variableGrads(() => tf.sum(tf.square(head.forward(x))));
    expect(Object.keys(grads).length).toBe(head.parameters.size);
    tf.dispose([value, grads]);
    expect(tf.memory().numTensors).toBe(before);
    head.dispose();
    expect(tf.memory().numTensors).toBe(before - 8);
  });

  it("refuses sizes that are no sizes", () => {
    expect(() => DinoHead.create({ ...config, outDim: 0 }, RandomStream.fromSeed(0))).toThrow("outDim of the DINO head is 0");
  });
});

describe("dinoHeadParameterSpecs", () => {
  it("names layers as torch's Sequential does", () => {
    const names = (numLayers: number, mlpBias: boolean) =>
      dinoHeadParameterSpecs({ ...config, numLayers, mlpBias }).map(({ name }) => name);
    expect(names(2, true)).toEqual(["mlp.0.weight", "mlp.0.bias", "mlp.2.weight", "mlp.2.bias", "last_layer.weight_g", "last_layer.weight_v"]);
    expect(names(1, false)).toEqual(["mlp.weight", "last_layer.weight_g", "last_layer.weight_v"]);
  });

  it("has 57.5 million parameters for the DINO head of the long ViT-L recipe", () => {
    const specs = dinoHeadParameterSpecs({ ...config, inDim: 1024, outDim: 131_072, hiddenDim: 2048, bottleneckDim: 384 });
    expect(specs.reduce((sum, { shape }) => sum + elementCount(shape), 0) / 1e6).toBeCloseTo(57.5, 1);
  });
});
