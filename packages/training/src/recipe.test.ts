import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { beforeAll, describe, expect, it } from "vitest";
import { listRecipes, loadRecipe, parseRecipe, recipeDifferences } from "./recipe.ts";
import { temporaryFolder } from "./testing-folder.ts";

const complaint = (settings: unknown) => {
  try {
    parseRecipe(settings);
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    return (error as Error).message;
  }
  throw new Error("no complaint");
};

describe("parseRecipe", () => {
  it("fills in the official ViT-L/16 defaults", () => {
    const recipe = parseRecipe({});
    // dinov2/configs/ssl_default_config.yaml; epochs are 1250 iterations.
    expect(recipe.optimizer).toMatchObject({
      learningRate: 0.004,
      layerwiseDecay: 0.9,
      patchEmbedMultiplier: 0.2,
      clipNorm: 3,
    });
    expect(recipe.teacher).toMatchObject({ temperatureWarmupSteps: 30 * 1250, momentum: 0.992, targets: "centering" });
    expect(recipe.heads.ibot).toMatchObject({ separate: false, prototypes: 65536, bottleneckDim: 256 });
  });

  it("expresses the long recipes: separate heads, Sinkhorn-Knopp, SwiGLU, chunked blocks", () => {
    const recipe = parseRecipe({
      model: { size: "giant2", patchSize: 14, ffnLayer: "swiglufused", dropPathRate: 0.4, blockChunks: 4 },
      heads: { dino: { prototypes: 131072, bottleneckDim: 384 }, ibot: { separate: true, prototypes: 131072 } },
      teacher: { targets: "sinkhorn-knopp", momentum: 0.994 },
      optimizer: { learningRate: 2e-4, layerwiseDecay: 1, finalWeightDecay: 0.2 },
      schedule: { steps: 625000, warmupSteps: 100000 },
      crops: { localSize: 98 },
      data: { batchSize: 3072 },
    });
    expect(recipe.heads).toMatchObject({ dino: { hiddenDim: 2048 }, ibot: { bottleneckDim: 256 } });
  });

  it("names the nearest key for an unknown one", () => {
    expect(complaint({ model: { dept: 3 } })).toContain('unknown key "model.dept", did you mean "model.depth"?');
    expect(complaint({ modle: {} })).toContain('unknown key "modle", did you mean "model"?');
    expect(complaint({ batchSize: 3 })).toContain('did you mean "data.batchSize"?');
  });

  it("says what came and what was expected", () => {
    expect(complaint({ model: { size: "huge" } })).toMatch(/model\.size is "huge", expected one of .*small/);
    expect(complaint({ data: { batchSize: "many" } })).toContain('data.batchSize is "many", expected a number');
    expect(complaint({ data: { batchSize: 1.5 } })).toContain("data.batchSize is 1.5, expected a whole number");
    expect(complaint({ schedule: { steps: 0 } })).toContain("schedule.steps is 0, expected at least 1");
    expect(complaint({ masking: { ratio: [0.5, 0.1] } })).toContain(
      "masking.ratio is [0.5,0.1], expected two numbers, the smaller first",
    );
    expect(complaint({ masking: { ratio: [0.5] } })).toContain("expected 2 numbers");
    expect(complaint([])).toContain("the recipe is [], expected a group of keys");
  });

  it("refuses sizes that are no multiple of the patch", () => {
    expect(complaint({ crops: { globalSize: 225 } })).toContain(
      "crops.globalSize is 225, expected a multiple of model.patchSize 16, such as 224 or 240",
    );
  });

  it("refuses a loss without terms", () => {
    expect(complaint({ loss: { dinoWeight: 0, ibotWeight: 0, koleoWeight: 0 } })).toContain("expected one above 0");
  });

  it("refuses a batch of one image with KoLeo, and takes it without", () => {
    expect(complaint({ data: { batchSize: 1 } })).toContain("data.batchSize is 1");
    expect(parseRecipe({ data: { batchSize: 1 }, loss: { koleoWeight: 0 } }).data.batchSize).toBe(1);
  });

  it.each([
    [{ accumulationSteps: 3 }, {}, "efficiency.accumulationSteps is 3, expected a divisor of data.batchSize 8"],
    [{ accumulationSteps: 8 }, {}, /so a part is one image; expected at least 2, .*; or set loss\.koleoOver to step/],
    [{ accumulationSteps: 2 }, { koleoImages: 8 }, /loss\.koleoImages is 8, expected a divisor of the 4 images of a part .*koleoOver to step/],
    [{}, { koleoImages: 3 }, "loss.koleoImages is 3, expected a divisor of data.batchSize 8"],
    [{ accumulationSteps: 3 }, { koleoOver: "step" }, "efficiency.accumulationSteps is 3, expected a divisor of data.batchSize 8"],
    [{ accumulationSteps: 2 }, { koleoOver: "step", koleoImages: 3 }, "loss.koleoImages is 3, expected a divisor of data.batchSize 8"],
  ])("refuses parts of a batch that are not equal: %j, with %j", (efficiency, loss, message) => {
    expect(complaint({ data: { batchSize: 8 }, efficiency, loss })).toMatch(message);
  });

  it("takes parts of one image, and groups larger than a part, when KoLeo looks at all of the step", () => {
    const { loss } = parseRecipe({ data: { batchSize: 8 }, efficiency: { accumulationSteps: 8 }, loss: { koleoOver: "step", koleoImages: 4 } });
    expect(loss.koleoImages).toBe(4);
  });
});

describe("loadRecipe", () => {
  let file: string;
  beforeAll(async () => {
    file = join(await temporaryFolder(), "mine.yaml");
    await writeFile(file, "# mine\ndata: { batchSize: 8 }\nmodel: { size: small }\n");
  });

  it.each(["vitti8-demo", "vits14-folder"])("the recipe %s is complete", async (name) => {
    expect(await listRecipes()).toContain(name);
    expect((await loadRecipe(name)).data.batchSize).toBeLessThan(2048);
  });

  it("changes keys, with values typed by the schema", async () => {
    const recipe = await loadRecipe(file, [
      "optimizer.learningRate=1e-4",
      "masking.ratio=[0.2, 0.4]",
      "optimizer.clipNorm=null",
      "model.qkvBias=false",
      "teacher.targets=sinkhorn-knopp",
    ]);
    expect(recipe.optimizer).toMatchObject({ learningRate: 1e-4, clipNorm: null });
    expect(recipe.masking.ratio).toEqual([0.2, 0.4]);
    expect(recipe.model.qkvBias).toBe(false);
    expect(recipe.teacher.targets).toBe("sinkhorn-knopp");
    expect(recipe.data.batchSize).toBe(8);
  });

  it("refuses a change that names no key, is no assignment or has the wrong type", async () => {
    await expect(loadRecipe(file, ["model.dept=3"])).rejects.toThrow('did you mean "model.depth"?');
    await expect(loadRecipe(file, ["depth"])).rejects.toThrow("--set depth is not key=value");
    await expect(loadRecipe(file, ["model.depth=deep"])).rejects.toThrow('model.depth is "deep", expected a number');
    await expect(loadRecipe(file, ["model={}"])).rejects.toThrow("unknown key");
  });

  it.each<[change: string, complaint: string]>([
    ["data.batchSize=many", 'data.batchSize is "many", expected a number'],
    ["data.batchSize=1.5", "data.batchSize is 1.5, expected a whole number"],
    ["data.batchSize=0", "data.batchSize is 0, expected at least 1"],
    ["data.batchSize=null", "data.batchSize is null, expected a number"],
    ["data.batchSize=", "data.batchSize is null, expected a number"],
    ["model.qkvBias=1", "model.qkvBias is 1, expected a boolean"],
    ["model.qkvBias=yes", 'model.qkvBias is "yes", expected a boolean'],
    ["model.dropPathRate=1", "model.dropPathRate is 1, expected less than 1"],
    ["teacher.momentum=1.01", "teacher.momentum is 1.01, expected at most 1"],
    ["optimizer.learningRate=-1", "optimizer.learningRate is -1, expected more than 0"],
    ["optimizer.learningRate=1e999", "optimizer.learningRate is Infinity, expected a number"],
    ["teacher.targets=softmax", 'teacher.targets is "softmax", expected one of centering, sinkhorn-knopp'],
    ["masking.ratio=0.3", "masking.ratio is 0.3, expected a list of two numbers"],
    ["masking.ratio=[0.1, 0.2, 0.3]", "expected 2 numbers"],
    ["masking.ratio=[a, b]", 'masking.ratio.0 is "a", expected a number'],
    ["masking.ratio=[0.1", "the value is not readable"],
    ["model.size=[small]", 'model.size is ["small"], expected one of tiny, small'],
    ["model.size={small: 1}", "expected one of tiny, small"],
    ["seed=-1", "seed is -1, expected at least 0"],
  ])("refuses --set %s", async (change, complaint) => {
    const error: unknown = await loadRecipe(file, [change]).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toContain(complaint);
  });

  it("takes null where a key may have none, and an empty recipe file as all defaults", async () => {
    expect((await loadRecipe(file, ["model.embedDim=null"])).model.embedDim).toBeNull();
    const empty = join(await temporaryFolder(), "empty.yaml");
    await writeFile(empty, "# nothing\n");
    expect(await loadRecipe(empty)).toEqual(parseRecipe({}));
    expect((await loadRecipe(empty, ["model.size=small"])).model.size).toBe("small");
  });

  it("refuses a section that is no group of keys, with or without a change in it", async () => {
    const odd = join(await temporaryFolder(), "odd.yaml");
    for (const text of ["model: small\n", "- model\n", "small\n"]) {
      await writeFile(odd, text);
      await expect(loadRecipe(odd)).rejects.toThrow("expected a group of keys");
      await expect(loadRecipe(odd, ["model.depth=3"])).rejects.toThrow(/--set model\.depth=3: .* expected a group of keys/);
    }
    await writeFile(odd, "model:\n");
    expect((await loadRecipe(odd, ["model.depth=3"])).model.depth).toBe(3);
  });

  it("names the nearest recipe for an unknown one", async () => {
    await expect(loadRecipe("vitti8-dem")).rejects.toThrow('did you mean "vitti8-demo"?');
    await expect(loadRecipe("/nowhere/x.yaml")).rejects.toThrow("Recipe file /nowhere/x.yaml is not there");
  });
});

describe("recipeDifferences", () => {
  it("lists every differing key with both values", () => {
    const before = parseRecipe({});
    const after = parseRecipe({ schedule: { steps: 20000 }, masking: { ratio: [0.1, 0.4] } });
    expect(recipeDifferences(before, after)).toEqual([
      "schedule.steps: 125000 → 20000",
      "masking.ratio: [0.1,0.5] → [0.1,0.4]",
    ]);
    expect(recipeDifferences(before, parseRecipe({}))).toEqual([]);
  });
});
