import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, openSafetensors, RandomStream, tf, useBackend } from "@dinov2/tensor";
import { loadModel, positionEmbedding, saveModel, VisionTransformer, vitConfig, type VisionTransformerConfig } from "@dinov2/vit";
import { beforeAll, describe, expect, it } from "vitest";
import { moduleSpecs, namedParameters } from "./network.ts";
import { pretrain, type PretrainOptions } from "./pretrain.ts";
import { type Recipe, type RecipeInput } from "./recipe.ts";
import { tinyRecipe, writeImages } from "./testing.ts";
import { temporaryFolder } from "./testing-folder.ts";
import { createTrainingState, disposeTrainingState, type TrainingState } from "./training-state.ts";
import { prepareWarmStart, type WarmStart, type WarmStartReport } from "./warm-start.ts";

let images: string;
let first: string; // a run of `tinyRecipe`: 16-pixel crops in patches of 4

beforeAll(async () => {
  await useBackend({ name: "cpu" });
  images = await temporaryFolder();
  await writeImages(images, 8);
  first = join(await temporaryFolder(), "first");
  await pretrain({ recipe: tinyRecipe({ schedule: { steps: 2, warmupSteps: 0 } }), data: images, out: first });
});

/** The state that a run of `recipe` starts with. */
async function started(recipe: Recipe, start: WarmStart, read: (state: TrainingState, report: WarmStartReport) => unknown): Promise<void> {
  const before = tf.memory().numTensors;
  const prepared = await prepareWarmStart(recipe, start);
  const state = createTrainingState({ ...recipe, seed: 99 });
  await prepared.load(state);
  await prepared.close();
  await read(state, prepared.report);
  disposeTrainingState(state);
  expect(tf.memory().numTensors).toBe(before);
}

const values = (state: TrainingState, side: "student" | "teacher", name: string) => namedParameters(state[side]).get(name)!.dataSync();
const namesOf = (recipe: Recipe) =>
  [...moduleSpecs(recipe)].flatMap(([module, specs]) => specs.map(({ name }) => `${module}.${name}`));

async function complaint(changes: RecipeInput, start: WarmStart): Promise<string> {
  const error: unknown = await prepareWarmStart(tinyRecipe(changes), start).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as Error).message;
}

async function savedModel(changes: Partial<VisionTransformerConfig>): Promise<string> {
  const path = join(await temporaryFolder(), "model.safetensors");
  const usual = { embedDim: 12, depth: 1, numHeads: 2, patchSize: 4, imageSize: 16 };
  const model = VisionTransformer.create(vitConfig("tiny", { ...usual, ...changes }), RandomStream.fromSeed(5));
  await saveModel(path, model);
  model.dispose();
  return path;
}

describe("a warm start from a run", () => {
  it("gives student and teacher the run's teacher, heads included", async () => {
    const recipe = tinyRecipe();
    await started(recipe, { model: first }, async (state, report) => {
      expect(report).toMatchObject({ model: first, resized: [], random: [], unused: [] });
      expect(report.used).toEqual(namesOf(recipe));
      const file = await openSafetensors(report.file);
      for (const name of report.used) {
        const stored = await file.read(name);
        expect(values(state, "student", name)).toEqual(stored);
        expect(values(state, "teacher", name)).toEqual(stored);
      }
      await file.close();
    });
  });

  it("resizes the position embedding to another image size, as a forward at that size does", async () => {
    const recipe = tinyRecipe({ crops: { globalSize: 28 } });
    const model = await loadModel(first);
    const stored = model.parameters.get("pos_embed") as tf.Variable<tf.Rank.R3>;
    const { cls, patches } = positionEmbedding(stored, { height: 7, width: 7 }, { antialias: false, offset: 0.1 });
    const expected = Float32Array.from([...cls.dataSync(), ...patches.dataSync()]);
    tf.dispose([cls, patches]);
    model.dispose();
    await started(recipe, { model: first }, (state, { used, resized }) => {
      expect(resized).toEqual([{ name: "backbone.pos_embed", from: [1, 17, 12], to: [1, 50, 12] }]);
      expect(used).toHaveLength(namesOf(recipe).length - 1);
      expect(values(state, "student", "backbone.pos_embed")).toEqual(expected);
      expect(values(state, "teacher", "backbone.pos_embed")).toEqual(expected);
    });
  });

  it("does not mind how blocks are grouped in names", async () => {
    const model = await savedModel({ depth: 4 });
    const recipe = tinyRecipe({ model: { depth: 4, blockChunks: 2 } });
    await started(recipe, { model }, (_, { used }) => expect(used).toContain("backbone.blocks.1.3.mlp.fc2.weight"));
  });

  it("starts a run, which says what it started from", async () => {
    const out = join(await temporaryFolder(), "second");
    const recipe = tinyRecipe({ crops: { globalSize: 24 }, schedule: { steps: 1, warmupSteps: 0 }, model: { pretrained: true } });
    let report: WarmStartReport | null = null;
    await pretrain({ recipe, data: images, out, init: { model: first }, onStart: ({ warmStart }) => (report = warmStart) });
    expect(report).toMatchObject({ model: first, random: [] });
    expect(JSON.parse(await readFile(join(out, "warm-start.json"), "utf8"))).toEqual(report);
    // It goes on without them.
    expect((await pretrain({ recipe, data: images, out, resume: true })).finished).toBe(true);
  });

  it("that was killed before the recipe was there is started again, and leaves nothing when that is without weights", async () => {
    const out = await temporaryFolder();
    await writeFile(join(out, "warm-start.json"), "{}");
    const recipe = tinyRecipe({ schedule: { steps: 1, warmupSteps: 0 } });
    await pretrain({ recipe, data: images, out });
    expect(await readdir(out)).toContain("config.json");
    expect(await readdir(out)).not.toContain("warm-start.json");
  });
});

describe("a warm start from a backbone alone", () => {
  it("of a Hugging Face folder leaves the heads at random", async () => {
    const model = fileURLToPath(new URL("../../vit/src/weights/fixtures/dinov2", import.meta.url));
    const recipe = tinyRecipe({ model: { embedDim: 16, depth: 2, patchSize: 7 }, crops: { globalSize: 28, localSize: 14 } });
    await started(recipe, { model }, async (state, { used, resized, random }) => {
      const theirs = await loadModel(model);
      for (const [name, variable] of theirs.parameters) {
        expect(values(state, "teacher", `backbone.${name}`)).toEqual(variable.dataSync());
      }
      expect([used.length, resized]).toEqual([theirs.parameters.size, []]);
      expect(random).toEqual(namesOf(recipe).filter((name) => name.startsWith("dino_head.")));
      theirs.dispose();
      // Teacher equal to student, as at any start.
      for (const name of random) expect(values(state, "teacher", name)).toEqual(values(state, "student", name));
    });
  });

  it("of an official .pth takes the teacher of a training checkpoint", async () => {
    const model = fileURLToPath(new URL("../../../tests/parity/fixtures/ckpt_training.pth", import.meta.url));
    const theirs = await loadModel(model, { numHeads: 2 });
    const expected = theirs.parameters.get("cls_token")!.dataSync();
    theirs.dispose();
    const { embedDim, depth, patchSize, imageSize, numRegisterTokens, ffnLayer } = theirs.config;
    const recipe = tinyRecipe({
      model: { embedDim, depth, patchSize, registerTokens: numRegisterTokens, ffnLayer },
      crops: { globalSize: imageSize, localSize: patchSize },
    });
    await started(recipe, { model, partial: true }, (state) =>
      expect(values(state, "student", "backbone.cls_token")).toEqual(expected),
    );
  });
});

describe("a warm start refuses", () => {
  it("another depth, width or patch, and lists names", async () => {
    expect(await complaint({ model: { depth: 2 } }, { model: first })).toMatch(
      /--init .*teacher\.safetensors does not fit .*: 14 missing \(backbone\.blocks\.1\.norm1\.weight, .*and 10 more\).*--init-partial/,
    );
    expect(await complaint({ model: { registerTokens: 2 } }, { model: first })).toMatch(/1 missing \(backbone\.register_tokens\)/);
    expect(await complaint({ model: { patchSize: 8 } }, { model: first })).toMatch(
      /1 of another shape \(backbone\.patch_embed\.proj\.weight is \[12, 3, 4, 4\], expected \[12, 3, 8, 8\]\)/,
    );
  });

  it("heads of another size, or one too few", async () => {
    const heads = { dino: { prototypes: 32, hiddenDim: 16, bottleneckDim: 8 } };
    expect(await complaint({ heads }, { model: first })).toMatch(/2 of another shape \(dino_head\.last_layer\.weight_g is \[16, 1\]/);
    expect(await complaint({ heads: { ibot: { separate: true } } }, { model: first })).toMatch(/missing \(ibot_head\./);
  });

  it("plain feed-forward layers where the recipe has SwiGLU, and says why that is so of the published L", async () => {
    expect(await complaint({ model: { ffnLayer: "swiglufused" } }, { model: first })).toMatch(
      /kind "mlp", the recipe of the kind SwiGLU.*ViT-S, B and L were distilled.*--set model\.ffnLayer=mlp/,
    );
  });

  it("heads of attention of another width, which no shape shows", async () => {
    expect(await complaint({ model: { numHeads: 3 } }, { model: first })).toMatch(/has numHeads 2, the recipe 3/);
  });

  it("what is no model, and a model of which nothing fits even in part", async () => {
    expect(await complaint({}, { model: images })).toContain("holds no model");
    const model = await savedModel({ embedDim: 16 });
    expect(await complaint({}, { model, partial: true })).toContain("nothing that fits");
  });

  it.each<[string, Partial<PretrainOptions>, RegExp]>([
    ["together with --resume", { init: { model: "x" }, resume: true }, /--init starts a run and --resume goes on with one/],
    ["by its absence, a recipe that needs it", { recipe: tinyRecipe({ model: { pretrained: true } }) }, /name them with --init/],
    ["a path without a model", { init: { model: "/nowhere" } }, /No model at \/nowhere/],
  ])("%s, and nothing is written", async (_, options, words) => {
    const out = join(await temporaryFolder(), "run");
    await expect(pretrain({ recipe: tinyRecipe(), data: images, out, ...options })).rejects.toThrow(words);
    expect(await readdir(out).catch(() => [])).toEqual([]);
  });
});

describe("a partial warm start", () => {
  it("takes what fits, and says what it left at random and aside", async () => {
    const model = await savedModel({ depth: 2, numRegisterTokens: 1 });
    await started(tinyRecipe({ model: { registerTokens: 2 } }), { model, partial: true }, (_, { used, random, unused }) => {
      expect(used).toContain("backbone.blocks.0.attn.qkv.weight");
      expect(random.filter((name) => name.startsWith("backbone."))).toEqual(["backbone.register_tokens"]);
      expect(unused).toContain("backbone.register_tokens");
      expect(unused).toContain("backbone.blocks.1.norm1.weight");
    });
  });
});
