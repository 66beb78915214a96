import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSafetensors, RandomStream, tf, useBackend, writeSafetensors } from "@dinov2/tensor";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { VisionTransformerConfig } from "../config.ts";
import { vitParameterSpecs } from "../parameters.ts";
import { releasedBackbones, vitConfig } from "../sizes.ts";
import { VisionTransformer } from "../vision-transformer.ts";
import { inferConfig } from "./infer-config.ts";
import { loadModel, saveModel } from "./load-model.ts";
import type { StateDict } from "./load-weights.ts";

let root: string;
let folder: string;

beforeAll(async () => {
  await useBackend({ name: "cpu" });
  root = await mkdtemp(join(tmpdir(), "vit-"));
});
afterAll(() => rm(root, { recursive: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, "case-"));
});

const tiny = { embedDim: 16, depth: 2, numHeads: 2, patchSize: 4, imageSize: 12, initValues: 0.5 } as const;
const create = (overrides: Partial<VisionTransformerConfig> = {}) =>
  VisionTransformer.create(vitConfig("tiny", { ...tiny, ...overrides }), RandomStream.fromSeed(1));
const image = () => tf.ones<tf.Rank.R4>([1, 3, 12, 12]);

async function expectSameOutput(a: VisionTransformer, b: VisionTransformer): Promise<void> {
  expect([...(await a.forward(image()).data())]).toEqual([...(await b.forward(image()).data())]);
}

const prefixed = (state: StateDict, prefix: string) =>
  Object.fromEntries([...state].map(([name, array]) => [prefix + name, array]));

describe("loadModel", () => {
  it("gives back what saveModel wrote: weights, config and order", async () => {
    const model = create({ numRegisterTokens: 2, blockChunks: 2, dropPathRate: 0.2 });
    const path = join(folder, "model.safetensors");
    await saveModel(path, model);
    const loaded = await loadModel(path);
    expect(loaded.config).toEqual(model.config);
    expect([...loaded.parameters.keys()]).toEqual([...model.parameters.keys()]);
    await expectSameOutput(loaded, model);
  });

  it.each(["", "backbone.", "teacher.backbone.", "module.backbone."])("finds a backbone whose names start with '%s'", async (prefix) => {
    const model = create();
    const head = { shape: [1], data: new Float32Array(1) };
    const others = prefix === "" ? {} : { "dino_head.mlp.weight": head, "student.backbone.patch_embed.proj.weight": head };
    await writeSafetensors(join(folder, "m.safetensors"), { ...prefixed(await model.stateDict(), prefix), ...others });
    const loaded = await loadModel(join(folder, "m.safetensors"), { numHeads: 2 });
    await expectSameOutput(loaded, model);
  });

  it("reads the teacher of a run's newest checkpoint, and of a checkpoint folder", async () => {
    const model = create();
    const checkpoint = join(folder, "checkpoints", "step-0000123");
    await mkdir(checkpoint, { recursive: true });
    await writeFile(join(folder, "config.json"), JSON.stringify({ model: { size: "tiny" } }));
    await writeFile(join(folder, "checkpoints", "latest"), "step-0000123\n");
    const teacher = prefixed(await model.stateDict(), "backbone.");
    await writeSafetensors(join(checkpoint, "teacher.safetensors"), teacher, { model: JSON.stringify(model.config) });
    for (const path of [folder, join(folder, "checkpoints"), checkpoint]) await expectSameOutput(await loadModel(path), model);
  });

  it("keeps the stored position embedding where the config names another image size", async () => {
    const model = create();
    const stored = { ...model.config, imageSize: 20 };
    await writeSafetensors(join(folder, "m.safetensors"), prefixed(await model.stateDict(), ""), { model: JSON.stringify(stored) });
    expect((await loadModel(join(folder, "m.safetensors"))).config.imageSize).toBe(12);
  });

  it("lists what differs when weights and config are of two architectures", async () => {
    const path = join(folder, "m.safetensors");
    const model = create();
    await writeSafetensors(path, prefixed(await model.stateDict(), ""), { model: JSON.stringify({ ...model.config, depth: 3 }) });
    await expect(loadModel(path)).rejects.toThrow(/m\.safetensors does not fit this architecture: 14 missing \(blocks\.2\.norm1\.weight/);
  });

  it("says in one line what is wrong with a path", async () => {
    await expect(loadModel(join(folder, "none"))).rejects.toThrow(/^No model at .*none; expected a run folder/);
    await expect(loadModel(folder)).rejects.toThrow("holds no model; expected checkpoints/latest (a run)");
    await writeFile(join(folder, "m.onnx"), "");
    await expect(loadModel(join(folder, "m.onnx"))).rejects.toThrow("m.onnx is not a model that can be read");
    await writeSafetensors(join(folder, "x.safetensors"), { x: { shape: [1], data: new Float32Array(1) } });
    await expect(loadModel(join(folder, "x.safetensors"))).rejects.toThrow("holds no vision transformer");
  });
});

describe("an official .pth", () => {
  // Written by torch.save, with the same values in safetensors beside them (tests/parity/fixtures/README.md).
  const fixture = (name: string) => fileURLToPath(new URL(`../../../../tests/parity/fixtures/${name}`, import.meta.url));

  it("of a plain state dict is read, with half precision parameters as float32", async () => {
    const model = await loadModel(fixture("ckpt_statedict.pth"), { numHeads: 2 });
    await expectValues(model, fixture("ckpt_statedict.safetensors"), "");
  });

  it("of a training checkpoint gives the teacher's backbone", async () => {
    const model = await loadModel(fixture("ckpt_training.pth"), { numHeads: 2 });
    await expectValues(model, fixture("ckpt_training.safetensors"), "teacher/backbone.");
  });

  it("without a backbone is refused in one line", async () => {
    await expect(loadModel(fixture("ckpt_parameters.pth"))).rejects.toThrow("ckpt_parameters.pth holds no vision transformer");
  });

  async function expectValues(model: VisionTransformer, path: string, prefix: string): Promise<void> {
    const expected = await openSafetensors(path);
    for (const [name, { data }] of await model.stateDict()) expect(data).toEqual(await expected.read(prefix + name));
    await expected.close();
  }
});

describe("inferConfig", () => {
  const shapesOf = (config: VisionTransformerConfig) => new Map(vitParameterSpecs(config).map(({ name, shape }) => [name, shape]));

  it.each(Object.entries(releasedBackbones))("finds the architecture of %s from names and shapes", (name, config) => {
    // The start of LayerScale leaves no trace in the weights.
    expect({ ...inferConfig(shapesOf(config), name), initValues: config.initValues }).toEqual(config);
  });

  it.each<Partial<VisionTransformerConfig>>([
    { blockChunks: 2, initValues: null, qkvBias: false, projBias: false, ffnBias: false },
    { ffnLayer: "swiglufused", mlpRatio: 3, ffnBias: false },
    { ffnLayer: "identity", numRegisterTokens: 1 },
    { mlpRatio: 2.5, inChannels: 1 },
  ])("explains every tensor of a network with %j", (overrides) => {
    const shapes = shapesOf(vitConfig("tiny", { ...tiny, ...overrides }));
    expect(shapesOf(inferConfig(shapes, "m", 2))).toEqual(shapes);
  });

  it("asks for the heads that a width of 16 leaves open", () => {
    expect(() => inferConfig(shapesOf(vitConfig("tiny", tiny)), "m")).toThrow("m does not say how many heads it has");
  });
});

describe("a Hugging Face folder", () => {
  const fixture = (name: string) => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

  it.each(["dinov2", "dinov2_with_registers"])("%s gives the numbers of the transformers library", async (name) => {
    const model = await loadModel(fixture(name));
    const expected = await openSafetensors(join(fixture(name), "expected.safetensors"));
    for (const size of ["native", "other"]) {
      const pixels = (await expected.read(`${size}.images`)) as Float32Array;
      const shape = [...expected.info(`${size}.images`).shape] as [number, number, number, number];
      const images = tf.tensor4d(pixels, shape);
      const { xPrenorm } = model.forwardFeatures(images);
      const ours = await model.finalNorm(xPrenorm).data();
      const theirs = await expected.read(`${size}.last_hidden_state`);
      expect(ours.length).toBe(theirs.length);
      // Both are float32 with another order of summation; a wrong name or a swapped query and key is off by 0.1 and more.
      ours.forEach((value, i) => expect(Math.abs(value - theirs[i]!)).toBeLessThan(2e-5));
    }
    await expected.close();
  });
});
