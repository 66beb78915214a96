// Every mistake of a user: one line that says what came, what was expected and what to do; exit code 2; nothing written.

import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { availableBackends } from "@dinov2/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2, expectRefusal } from "./command-line.ts";
import { createFixtures } from "./fixtures.ts";

const libtorchIsMissing = (await availableBackends()).some(({ name, available }) => name === "libtorch" && !available);

describe("dinov2", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  /** A complete command that works, so that one change makes the one mistake. */
  const extract = (changes: Readonly<Record<string, string>>) => {
    const options = { model: "model.safetensors", images: "colours", out: "out.safetensors", backend: "cpu", ...changes };
    return ["extract", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  };
  const benchmark = (name: string, changes: Readonly<Record<string, string>>) => {
    const options = { model: "model.safetensors", data: "sides", out: "out", backend: "cpu", ...changes };
    return ["benchmark", name, ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value])];
  };

  const pretrain = (changes: Readonly<Record<string, string>>, ...more: string[]) => {
    const options = { recipe: "tiny.yaml", data: "colours", out: "out", backend: "cpu", ...changes };
    return ["pretrain", ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]), ...more];
  };

  it.concurrent.each<[mistake: string, words: () => string[], line: RegExp]>([
    ["an unknown command", () => ["extrat"], /Unknown command 'extrat'\. Did you mean extract\?/],
    ["an unknown option", () => [...extract({}), "--batchsize", "4"], /Unknown option '--batchsize'.*--batch-size/],
    ["a misspelt required option", () => ["extract", "--modle", "x"], /Unknown option '--modle'\. Did you mean --model\?/],
    ["a missing option", () => ["extract", "--model", "x"], /Required option '--images <SRC>' not specified\. See: dinov2 extract --help/],
    ["no sub-command", () => ["benchmark"], /needs a sub-command: knn/],
    ["a value of the wrong kind", () => extract({ "batch-size": "many" }), /argument 'many' is invalid\. Expected a whole number/],
    ["an unknown backend", () => extract({ backend: "torch" }), /argument 'torch' is invalid\. Allowed choices are auto, libtorch/],
    ["a device that the backend lacks", () => extract({ device: "cuda" }), /"cpu" runs on device "cpu" only, not "cuda"/],
    ["a precision that the backend lacks", () => extract({ backend: "wasm", precision: "bf16" }), /"wasm" computes in fp32 only, not bf16; use --backend libtorch/],
    ["an unknown precision", () => extract({ precision: "fp16" }), /argument 'fp16' is invalid\. Allowed choices are fp32, bf16/],
    ["a missing folder", () => extract({ images: "nowhere" }), /There is no file or folder nowhere .*expected an image folder/],
    ["an empty folder", () => extract({ images: "empty" }), /Folder empty is empty; expected files that end in jpg/],
    ["a folder without an image", () => extract({ images: "notes" }), /Folder notes holds 1 files? but no image/],
    ["a folder without a decodable image", () => extract({ images: "broken" }), /3 of 3 images cannot be used.*spoilt-\d\.jpg/],
    ["images over the pixel limit", () => extract({ "pixel-limit": "1599" }), /40 x 40 pixels are more than the limit of 1599/],
    ["too many spoilt images", () => extract({ images: "spoilt" }), /of \d+ images cannot be used, more than the allowed 10 %/],
    ["a size that is no multiple of the patch", () => extract({ size: "30" }), /30 is not a multiple of the patch size 8; use --size 32/],
    ["a crop larger than its image", () => extract({ size: "64", resize: "40" }), /crop of 64 does not fit.*40; use --resize 64/],
    ["pixels of a wrong size", () => extract({ images: "odd.safetensors" }), /height 33 of odd\.safetensors is not a multiple .* 8/],
    ["a safetensors file without images", () => extract({ images: "model.safetensors" }), /has no tensor "images"/],
    ["a missing model", () => extract({ model: "nowhere" }), /No model at nowhere; expected a run folder/],
    ["a damaged model", () => extract({ model: "damaged.safetensors" }), /damaged\.safetensors is not a valid safetensors file/],
    ["a folder that is no model", () => extract({ model: "colours" }), /colours holds no model; expected/],
    ["a checkpoint of another architecture", () => extract({ model: "mismatched.safetensors" }), /blocks\.2.*register_tokens|register_tokens.*blocks\.2/],
    ["an output that is a folder", () => extract({ out: "colours" }), /--out colours is a folder, a file was expected/],
    ["an output below a file", () => benchmark("knn", { out: "model.safetensors/deep" }), /--out .* cannot be written: .*model\.safetensors is a file/],
    ["images without classes", () => benchmark("knn", { data: "mixed" }), /mixed has no classes; expected class sub-folders/],
    ["test classes that cannot be learnt", () => benchmark("knn", { data: "sides/train", "test-data": "sides" }), /Class "train" of sides is not among/],
    ["a rate that is not above 0", () => benchmark("linear", { "learning-rates": "0.1,0" }), /argument '0\.1,0' is invalid\. Expected a number above 0/],
    ["to select heads on nothing known", () => benchmark("linear", { "select-on": "val" }), /argument 'val' is invalid\. Allowed choices are test, held-out/],
    ["the size of crops that are not taken", () => benchmark("linear", { "crop-scale": "0.6,1" }), /--crop-scale is of random crops; ask for them with --features augmented/],
    ["to train on a missing folder", () => pretrain({ data: "nowhere" }), /There is no file or folder nowhere/],
    ["to train on an empty folder", () => pretrain({ data: "empty" }), /Folder empty is empty/],
    ["to train on a folder without an image", () => pretrain({ data: "notes" }), /no image; expected files that end in/],
    ["to train without a decodable image", () => pretrain({ data: "broken", set: "data.batchSize=2" }), /images cannot be used/],
    ["to train on images over the pixel limit", () => pretrain({ set: "data.pixelLimit=1599" }), /40 x 40 pixels are more than the limit/],
    ["a crop that is no multiple of the patch", () => pretrain({ set: "crops.globalSize=20" }), /globalSize is 20, expected a multiple of .*16 or 24/],
    ["an unknown recipe", () => pretrain({ recipe: "vits14-foldr" }), /Unknown recipe "vits14-foldr".*vits14-folder/],
    ["an unknown recipe key", () => pretrain({ set: "data.batchsize=2" }), /unknown key "data\.batchsize", did you mean "data\.batchSize"\?/],
    ["no recipe", () => ["pretrain", "--data", "colours", "--out", "out"], /--recipe is missing; give a YAML file or one of/],
    ["no images to train on", () => ["pretrain", "--recipe", "tiny.yaml", "--out", "out"], /--data is missing; .*--plan to run nothing/],
    ["no run folder", () => ["pretrain", "--recipe", "tiny.yaml", "--data", "colours"], /--out is missing/],
    ["GPUs without a plan", () => pretrain({ "gpu-tflops": "3" }), /--gpu-tflops belongs to --plan, which is missing/],
    ["GPUs that cannot share a batch", () => pretrain({ gpus: "3" }, "--plan"), /batchSize is 4, which 3 GPUs cannot share.*--gpus 2/],
    ["a recipe that starts from weights without any", () => pretrain({ set: "model.pretrained=true" }), /name them with --init/],
    ["weights of another architecture", () => pretrain({ init: "model.safetensors" }), /model\.safetensors does not fit .*unexpected \(backbone\.register_tokens\).*--init-partial/],
    ["weights to resume with", () => pretrain({ init: "model.safetensors" }, "--resume"), /--init starts a run and --resume goes on/],
    ["partial weights of nothing", () => pretrain({}, "--init-partial"), /--init-partial says how to take the weights of --init/],
    ["to resume what never started", () => pretrain({}, "--resume"), /Nothing to resume in out/],
    ["a run folder below a file", () => pretrain({ out: "model.safetensors/run" }), /cannot be written: .* is a file/],
  ])("refuses %s", async (_mistake, words, line) => {
    await expectRefusal(words(), root, line);
  });

  it.skipIf(libtorchIsMissing)("refuses a GPU that is not there, and says what is", async () => {
    const line = /Device "cuda:63" is not available: LibTorch .* (built without CUDA|has CUDA but sees no GPU|sees .* GPU).*; .* --device cpu/;
    await expectRefusal(extract({ backend: "libtorch", device: "cuda:63" }), root, line);
  });

  it("has written nothing through all of this", async () => {
    const entries = await readdir(root);
    expect(entries.filter((name) => name.startsWith("out") || name.includes(".partial"))).toEqual([]);
  });

  it("explains itself without being asked anything, and exits with 0", async () => {
    const { code, stdout } = await dinov2([], root);
    expect(code).toBe(0);
    for (const command of ["pretrain", "extract", "benchmark", "doctor", "demo"]) expect(stdout).toContain(`  ${command}`);
  });

  it("shows no stack unless asked to", async () => {
    const { stderr } = await dinov2(extract({ model: join(root, "damaged.safetensors") }), root);
    expect(stderr).not.toMatch(/ at .*\.ts:\d+/);
  });
});
