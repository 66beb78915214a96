import { describe, expect, it } from "vitest";
import { fuseGroups, parameterGroups, parameterRates } from "./parameter-groups.ts";

const depth = 24;
const block = (i: number) => [
  `blocks.${i}.norm1.weight`,
  `blocks.${i}.attn.qkv.weight`,
  `blocks.${i}.attn.qkv.bias`,
  `blocks.${i}.ls1.gamma`,
];
const names = [
  "cls_token",
  "pos_embed",
  "register_tokens",
  "mask_token",
  "patch_embed.proj.weight",
  "patch_embed.proj.bias",
  ...Array.from({ length: depth }, (_, i) => block(i)).flat(),
  "norm.weight",
  "norm.bias",
];
const options = { layerwiseDecay: 0.9, patchEmbedMultiplier: 0.2 };
const rate = (all: ReadonlyMap<string, { learningRateMultiplier: number }>, name: string) =>
  all.get(name)!.learningRateMultiplier;

describe("parameter groups", () => {
  const groups = parameterGroups(names, options);

  it("decay the learning rate towards the input: 24 blocks at 0.9", () => {
    // 0.9^25, a fifth of it, 0.9^24, 0.9, by hand.
    expect(rate(groups, "pos_embed")).toBeCloseTo(0.0717898, 7);
    expect(rate(groups, "patch_embed.proj.weight")).toBeCloseTo(0.01435796, 7);
    expect(rate(groups, "blocks.0.attn.qkv.weight")).toBeCloseTo(0.0797664, 7);
    expect(rate(groups, "blocks.23.attn.qkv.weight")).toBeCloseTo(0.9, 12);
    expect(rate(groups, "norm.weight")).toBe(1);
  });

  it("decay the weights of all but biases, norms and LayerScale; tokens and position embedding do decay", () => {
    const free = [...groups].filter(([, group]) => group.weightDecayMultiplier === 0).map(([name]) => name);
    expect(free.every((name) => name.endsWith(".bias") || name.includes("norm") || name.includes("gamma"))).toBe(true);
    for (const name of ["cls_token", "pos_embed", "mask_token", "register_tokens"]) expect(free).not.toContain(name);
    expect(free).toHaveLength(1 + 3 * depth + 2);
  });

  it("read the block from chunked names by its second number", () => {
    const chunked = parameterGroups(
      ["cls_token", "blocks.0.0.norm1.weight", "blocks.1.3.norm1.weight", "norm.weight"],
      options,
    );
    expect(rate(chunked, "blocks.1.3.norm1.weight")).toBeCloseTo(0.9, 12);
    expect(rate(chunked, "blocks.0.0.norm1.weight")).toBeCloseTo(0.9 ** 4, 12);
    expect(rate(chunked, "cls_token")).toBeCloseTo(0.9 ** 5, 12);
  });

  it("give heads the full rate, and mark their last layer, whose weight_g decays", () => {
    const student = parameterGroups(
      [
        "backbone.cls_token",
        "backbone.blocks.0.norm1.weight",
        "dino_head.mlp.0.weight",
        "dino_head.last_layer.weight_g",
      ],
      options,
    );
    expect(rate(student, "backbone.cls_token")).toBeCloseTo(0.81, 12);
    expect(student.get("dino_head.mlp.0.weight")).toEqual({
      learningRateMultiplier: 1,
      weightDecayMultiplier: 1,
      isLastLayer: false,
    });
    expect(student.get("dino_head.last_layer.weight_g")).toEqual({
      learningRateMultiplier: 1,
      weightDecayMultiplier: 1,
      isLastLayer: true,
    });
  });

  it("fuse into one group for each set of multipliers, in order of appearance, and lose no name", () => {
    const fused = fuseGroups(groups);
    // Tokens; patch embedding weight, bias; two for each block; the final norm.
    expect(fused).toHaveLength(3 + 2 * depth + 1);
    expect(fused[0]!.names).toEqual(["cls_token", "pos_embed", "register_tokens", "mask_token"]);
    expect(fused.flatMap((group) => group.names).sort()).toEqual([...names].sort());
  });

  it("spread an iteration's values: the last layer has its own rate, free parameters no decay", () => {
    const heads = parameterGroups(["mlp.0.weight", "mlp.0.bias", "last_layer.weight_v"], options);
    const rates = parameterRates(heads, { learningRate: 2, lastLayerLearningRate: 0, weightDecay: 0.4 });
    expect([...heads.keys()].map((name) => rates.learningRate(name))).toEqual([2, 2, 0]);
    expect([...heads.keys()].map((name) => rates.weightDecay(name))).toEqual([0.4, 0, 0.4]);
  });
});
