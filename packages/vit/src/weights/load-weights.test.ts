import { InputError, RandomStream, tf, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { vitConfig } from "../sizes.ts";
import { VisionTransformer } from "../vision-transformer.ts";
import type { WeightArray } from "./load-weights.ts";

beforeAll(() => useBackend({ name: "cpu" }));

const config = vitConfig("tiny", { embedDim: 8, depth: 2, numHeads: 2, patchSize: 4, imageSize: 12 });
const create = (seed: number) => VisionTransformer.create(config, RandomStream.fromSeed(seed));
const image = () => tf.ones<tf.Rank.R4>([1, 3, 12, 12]);

describe("loading a state dict", () => {
  it("makes two networks equal, bit by bit", async () => {
    const [source, target] = [create(1), create(2)];
    target.load(await source.stateDict());
    expect([...(await target.forward(image()).data())]).toEqual([...(await source.forward(image()).data())]);
  });

  it("leaves the caller's arrays alone when the parameters change later", async () => {
    const state = await create(1).stateDict();
    const before = [...state.get("norm.weight")!.data];
    const model = create(2);
    model.load(state);
    model.parameters.get("norm.weight")!.assign(tf.zeros([8]));
    expect([...state.get("norm.weight")!.data]).toEqual(before);
  });

  it("lists what is missing, unexpected and of another shape, and changes nothing", async () => {
    const model = create(1);
    const before = await model.forward(image()).data();
    const state = new Map<string, WeightArray>(await create(2).stateDict());
    state.delete("cls_token");
    state.set("head.weight", { shape: [1], data: [0] });
    state.set("blocks.0.attn.qkv.bias", { shape: [12], data: new Float32Array(12) });
    expect(() => model.load(state, { origin: "old.safetensors" })).toThrow(
      "old.safetensors does not fit this architecture: 1 missing (cls_token); 1 unexpected (head.weight); " +
        "1 of another shape (blocks.0.attn.qkv.bias is [12], expected [24])",
    );
    expect([...(await model.forward(image()).data())]).toEqual([...before]);
  });

  it("counts the differences beyond the first few", () => {
    expect(() => create(1).load([])).toThrow(/35 missing \(cls_token, pos_embed, mask_token, patch_embed\.proj\.weight, and 31 more\)/);
    expect(() => create(1).load([])).toThrow(InputError);
  });

  it("takes what fits and reports the rest when it is not strict", async () => {
    const model = create(1);
    const other = await create(2).stateDict();
    const report = model.load([["norm.bias", { shape: [8], data: new Float32Array(8).fill(3) }], ["x", other.get("norm.bias")!]], { strict: false });
    expect(report.unexpected).toEqual(["x"]);
    expect(report.missing).toHaveLength(34);
    expect([...(await model.parameters.get("norm.bias")!.data())]).toEqual(new Array(8).fill(3));
  });

  it("keeps a position embedding of another size, and still reads every image size", async () => {
    const model = create(1);
    const before = tf.memory().numTensors;
    const larger = VisionTransformer.create({ ...config, imageSize: 20 }, RandomStream.fromSeed(3));
    model.load(await larger.stateDict());
    larger.dispose();
    expect(model.parameters.get("pos_embed")!.shape).toEqual([1, 26, 8]);
    expect(model.config.imageSize).toBe(20);
    expect([...model.parameters.keys()].indexOf("pos_embed")).toBe(1);
    expect(tf.memory().numTensors).toBe(before);
    expect(model.forwardFeatures(image()).xNormPatchtokens.shape).toEqual([1, 9, 8]);
  });
});
