import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openLayersModel, tf, useBackend } from "../index.ts";

/** Two sums of colours and, of the second, a difference by a dense layer: as Keras' converter writes such a model. */
const topology = {
  keras_version: "2.2.4",
  backend: "tensorflow",
  model_config: {
    class_name: "Model",
    config: {
      name: "model_1",
      layers: [
        { name: "input_1", class_name: "InputLayer", config: { batch_input_shape: [null, 2, 2, 3], dtype: "float32", name: "input_1" }, inbound_nodes: [] },
        { name: "sums", class_name: "Conv2D", config: { name: "sums", filters: 2, kernel_size: [1, 1], strides: [1, 1], padding: "same", use_bias: false }, inbound_nodes: [[["input_1", 0, 0, {}]]] },
        { name: "flat", class_name: "Flatten", config: { name: "flat" }, inbound_nodes: [[["sums", 0, 0, {}]]] },
        { name: "answer", class_name: "Dense", config: { name: "answer", units: 1, use_bias: true }, inbound_nodes: [[["flat", 0, 0, {}]]] },
      ],
      input_layers: [["input_1", 0, 0]],
      output_layers: [["answer", 0, 0]],
    },
  },
};
const weights = [
  { name: "sums/kernel", shape: [1, 1, 3, 2], dtype: "float32" },
  { name: "answer/kernel", shape: [8, 1], dtype: "float32" },
  // 8-bit weights: value = scale × byte + min.
  { name: "answer/bias", shape: [1], dtype: "float32", quantization: { dtype: "uint8", scale: 0.5, min: -1 } },
];
const bytes = Buffer.concat([
  Buffer.from(new Float32Array([1, 0, 1, 0, 1, 10]).buffer), // [r, g, b] → [r + g + b, 10 b]
  Buffer.from(new Float32Array([1, 0, -1, 0, 0, 0, 0, 0]).buffer),
  Buffer.from([6]),
]);

let root: string;
beforeAll(async () => void (root = await mkdtemp(join(tmpdir(), "dinov2-layers-"))));
afterAll(() => rm(root, { recursive: true }));

async function folderWith(model: object, shards: Readonly<Record<string, Buffer>>): Promise<string> {
  const folder = await mkdtemp(join(root, "case-"));
  await writeFile(join(folder, "model.json"), JSON.stringify(model));
  for (const [name, content] of Object.entries(shards)) await writeFile(join(folder, name), content);
  return folder;
}

const gatherGradient = () => String(tf.getGradient("GatherV2").gradFunc);
const ours = gatherGradient();

const manifest = [{ paths: ["shard1of2", "shard2of2"], weights }];

describe("a model of TF.js layers", () => {
  let folder: string;
  beforeAll(async () => {
    await useBackend({ name: "cpu" });
    folder = await folderWith({ modelTopology: topology, weightsManifest: manifest }, { shard1of2: bytes.subarray(0, 10), shard2of2: bytes.subarray(10) });
  });

  it("says what each layer says of images", async () => {
    const model = await openLayersModel(folder);
    expect(model.inputShape).toEqual([2, 2, 3]);
    expect([...model.layers]).toEqual([["input_1", [2, 2, 3]], ["sums", [2, 2, 2]], ["flat", [8]], ["answer", [1]]]);
    const image = tf.tensor4d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], [1, 2, 2, 3]);
    expect(Array.from(model.output("sums", image).dataSync())).toEqual([6, 30, 15, 60, 24, 90, 33, 120]);
    expect(Array.from(model.output("answer", image).dataSync())).toEqual([6 - 15 + 2]);
    model.dispose();
  });

  it("keeps nothing but its weights, and the gradients that are ours", async () => {
    const before = tf.memory().numTensors;
    const model = await openLayersModel(folder);
    const image = tf.zeros([1, 2, 2, 3]) as tf.Tensor4D;
    model.output("answer", image).dispose();
    image.dispose();
    expect(tf.memory().numTensors - before).toBe(3);
    model.dispose();
    expect(tf.memory().numTensors).toBe(before);
    // tfjs-layers registers all of its own when it loads.
    expect(gatherGradient()).toBe(ours);
  });

  it.each([
    ["no such folder", () => Promise.resolve("nowhere/model.json"), /There is no file nowhere\/model.json; expected a TF.js model/],
    ["a missing shard", () => folderWith({ modelTopology: topology, weightsManifest: manifest }, { shard1of2: bytes }), /There is no file .*shard2of2; .*model.json names it/],
    ["a graph model", () => folderWith({ format: "graph-model", modelTopology: {}, weightsManifest: [] }, {}), /is a graph model, which has no layers/],
    ["another JSON", () => folderWith({ a: 1 }, {}), /expected modelTopology and weightsManifest/],
    ["weights that are too short", () => folderWith({ modelTopology: topology, weightsManifest: manifest }, { shard1of2: bytes.subarray(0, 10), shard2of2: bytes.subarray(10, 30) }), /could not be opened as a TF.js layers model/],
  ])("refuses %s", async (_, source, message) => {
    await expect(source().then(openLayersModel)).rejects.toThrow(message);
  });
});
