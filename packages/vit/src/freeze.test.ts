// A network whose weights were rounded once beside itself as it was.

import { availableBackends, RandomStream, tf, useBackend } from "@dinov2/tensor";
import { describe, expect, it } from "vitest";
import { vitConfig } from "./sizes.ts";
import { VisionTransformer } from "./vision-transformer.ts";

const reason = (await availableBackends()).find(({ name }) => name === "libtorch")!.reason;
if (reason !== undefined) console.log(`skipped: frozen networks on libtorch, as ${reason}`);

const config = { embedDim: 24, depth: 2, numHeads: 3, patchSize: 4, imageSize: 16, initValues: 0.5 } as const;

describe.each([
  ["wasm", "fp32"],
  ["libtorch", "fp32"],
  ["libtorch", "bf16"],
] as const)("on %s in %s", (name, precision) => {
  it.skipIf(name === "libtorch" && reason !== undefined).each(["mlp", "swiglufused"] as const)("gives the same features, %s", async (ffnLayer) => {
    await useBackend({ name, precision, threads: 1 });
    const model = VisionTransformer.create(vitConfig("tiny", { ...config, ffnLayer, blockChunks: 2 }), RandomStream.fromSeed(0));
    const images = tf.randomNormal([3, 3, 16, 16], 0, 1, "float32", 1) as tf.Tensor4D;
    const features = () => tf.tidy(() => model.forwardFeatures(images).xPrenorm.dataSync());
    const before = features();
    const weightsBefore = model.parameters.get("blocks.1.1.attn.qkv.weight")!.dataSync().slice();
    const { numTensors } = tf.memory();
    expect(model.freeze()).toBe(model);
    expect(tf.memory().numTensors).toBe(numTensors);
    const weights = model.parameters.get("blocks.1.1.attn.qkv.weight")!.dataSync();
    if (precision === "bf16") expect(weights).not.toEqual(weightsBefore);
    else expect(weights).toEqual(weightsBefore);
    expect(features()).toEqual(before);
    tf.dispose([images, ...model.parameters.values()]);
  });
});
