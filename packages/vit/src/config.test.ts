import { InputError } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { blockPrefix, dropPathRates, ffnHiddenWidth, parseConfig, type VisionTransformerConfig } from "./config.ts";
import { elementCount, vitParameterSpecs } from "./parameters.ts";
import { releasedBackbones, releasedConfig, vitConfig, type SizeName } from "./sizes.ts";

const parameterCount = (config: VisionTransformerConfig) =>
  vitParameterSpecs(config).reduce((sum, { shape }) => sum + elementCount(shape), 0);

describe("ffnHiddenWidth", () => {
  it("keeps the ratio for an MLP and rounds two thirds of it up to a multiple of 8 for SwiGLU", () => {
    expect(ffnHiddenWidth(vitConfig("large"))).toBe(4096);
    expect(ffnHiddenWidth(vitConfig("large", { ffnLayer: "swiglufused" }))).toBe(2736);
    expect(ffnHiddenWidth(vitConfig("giant2"))).toBe(4096);
  });
});

describe("vitParameterSpecs", () => {
  // Parameter counts of the published models, without and with four registers.
  it.each([
    ["dinov2_vits14", 22_056_576],
    ["dinov2_vitb14", 86_580_480],
    ["dinov2_vitl14", 304_368_640],
    ["dinov2_vitg14", 1_136_480_768],
    ["dinov2_vitg14_reg", 1_136_486_912],
  ] as const)("%s has %i parameters", (name, count) => {
    expect(parameterCount(releasedConfig(name))).toBe(count);
  });

  it("leaves out what the config turns off", () => {
    const config = vitConfig("tiny", { qkvBias: false, projBias: false, initValues: null, ffnLayer: "identity" });
    const inside = vitParameterSpecs(config).filter(({ name }) => name.startsWith("blocks.0."));
    expect(inside.map(({ name }) => name)).toEqual([
      "blocks.0.norm1.weight",
      "blocks.0.norm1.bias",
      "blocks.0.attn.qkv.weight",
      "blocks.0.attn.proj.weight",
      "blocks.0.norm2.weight",
      "blocks.0.norm2.bias",
    ]);
  });
});

describe("dropPathRates", () => {
  it("rises linearly from zero, or is the same everywhere", () => {
    const config = vitConfig("tiny", { depth: 3, dropPathRate: 0.4 });
    expect(dropPathRates(config)).toEqual([0.4, 0.4, 0.4]);
    expect(dropPathRates({ ...config, dropPathUniform: false })).toEqual([0, 0.2, 0.4]);
    expect(dropPathRates({ ...config, dropPathUniform: false, depth: 1 })).toEqual([0]);
  });
});

describe("blockPrefix", () => {
  it("keeps the index of a block global inside its chunk", () => {
    const config = vitConfig("tiny", { blockChunks: 4 });
    expect(blockPrefix(config, 7)).toBe("blocks.2.7.");
    expect(blockPrefix(vitConfig("tiny"), 7)).toBe("blocks.7.");
  });
});

describe("vitConfig", () => {
  it.each([
    [{ embedDim: 100, numHeads: 3 }, "embedDim 100 is not a multiple of numHeads 3"],
    [{ imageSize: 225 }, "imageSize 225 is not a multiple of patchSize 14"],
    [{ blockChunks: 13 }, "blockChunks 13 is more than the 12 blocks"],
    [{ depth: 0 }, "depth of the vision transformer is 0; expected a whole number of at least 1"],
    [{ dropPathRate: 1 }, "dropPathRate of the vision transformer is 1"],
  ])("refuses %j", (overrides, message) => {
    expect(() => vitConfig("tiny", overrides)).toThrow(message);
  });

  it("names the nearest size for an unknown one", () => {
    expect(() => vitConfig("smal" as SizeName)).toThrow('Unknown model size "smal"; did you mean "small"?');
  });
});

describe("parseConfig", () => {
  it("gives back every released config from its JSON", () => {
    for (const config of Object.values(releasedBackbones)) {
      expect(parseConfig(JSON.parse(JSON.stringify(config)), "file")).toEqual(config);
    }
  });

  it("names the nearest field for an unknown one, and the missing ones", () => {
    const config = { ...vitConfig("tiny") };
    expect(() => parseConfig({ ...config, numHead: 3 }, "m")).toThrow('m: unknown field "numHead" in the model config; did you mean "numHeads"?');
    expect(() => parseConfig({ embedDim: 192 }, "m")).toThrow("m: the model config lacks depth, numHeads.");
    expect(() => parseConfig("tiny", "m")).toThrow(InputError);
  });
});
