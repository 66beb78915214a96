import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { beforeAll, describe, expect, it } from "vitest";
import { listRecipes, loadRecipe, parseRecipe, recipeDifferences } from "./recipe.ts";

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
    [{ accumulationSteps: 3 }, null, "efficiency.accumulationSteps is 3, expected a divisor of data.batchSize 8"],
    [{ accumulationSteps: 8 }, null, "so a part is one image; expected at least 2"],
    [{ accumulationSteps: 2 }, 8, "loss.koleoImages is 8, expected a divisor of the 4 images of a part"],
    [{}, 3, "loss.koleoImages is 3, expected a divisor of data.batchSize 8"],
  ])("refuses parts of a batch that are not equal: %j, KoLeo over %j", (efficiency, koleoImages, message) => {
    expect(complaint({ data: { batchSize: 8 }, efficiency, loss: { koleoImages } })).toContain(message);
  });
});

describe("loadRecipe", () => {
  let file: string;
  beforeAll(async () => {
    file = join(await mkdtemp(join(tmpdir(), "recipe-")), "mine.yaml");
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
