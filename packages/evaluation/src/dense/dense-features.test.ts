import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { vitConfig, VisionTransformer } from "@dinov2/vit";
import { beforeAll, describe, expect, it } from "vitest";
import { denseFeatures, padAround, pixelPlaces, vitPlaces } from "./dense-features.ts";

beforeAll(() => useBackend({ name: "wasm" }));

describe("padAround", () => {
  it("puts the smaller half above and to the left", async () => {
    const padded = padAround(tf.ones([1, 1, 4, 2]), 7);
    const rows = (await tf.squeeze(padded).array()) as unknown as number[][];
    expect(rows.length).toBe(7);
    expect(rows[0]).toEqual([0, 0, 0, 0, 0, 0, 0]);
    expect(rows[1]).toEqual([0, 0, 1, 1, 0, 0, 0]);
    expect(rows[5]).toEqual([0, 0, 0, 0, 0, 0, 0]);
  });
});

describe("denseFeatures", () => {
  it("gives each block's tokens at their places, in the order asked for, for images of any size", async () => {
    const config = vitConfig("small", { patchSize: 4, imageSize: 8, embedDim: 8, depth: 2, numHeads: 2 });
    const model = VisionTransformer.create(config, RandomStream.fromSeed(0));
    const images = tf.randomNormal([1, 3, 10, 7], 0, 1, "float32", 3) as tf.Tensor4D;
    const before = tf.memory().numTensors;
    const maps = denseFeatures({ places: vitPlaces(model) }, images, { layers: [1, 0, 1] });
    expect(tf.memory().numTensors).toBe(before + 6);
    expect(maps.map(({ patches }) => patches.shape)).toEqual(Array.from({ length: 3 }, () => [1, 3, 2, 8]));
    const [last] = model.getIntermediateLayers(padAround(images, 4), { n: [1], norm: false });
    expect(await maps[0]!.patches.data()).toEqual(await last!.patchTokens.data());
    expect(await maps[2]!.patches.data()).toEqual(await maps[0]!.patches.data());
    expect(await maps[1]!.patches.data()).not.toEqual(await maps[0]!.patches.data());
    model.dispose();
  });

  it("cuts pixels into patches, channel after channel", async () => {
    const images = tf.reshape(tf.range(0, 24), [1, 3, 2, 4]) as tf.Tensor4D;
    const [map] = denseFeatures({ places: pixelPlaces(2) }, images, { layers: [0] });
    const rows = (await tf.squeeze(map!.patches, [0]).array()) as unknown as number[][][];
    const [first, second] = rows[0]!;
    expect(first).toEqual([0, 1, 4, 5, 8, 9, 12, 13, 16, 17, 20, 21]);
    expect(second![0]).toBe(2);
    expect((await map!.classToken.data())[0]).toBe(1);
  });
});
