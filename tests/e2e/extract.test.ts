import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openSafetensors, tf, type SafetensorsFile } from "@dinov2/tensor";
import { loadModel } from "@dinov2/vit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2, dinov2Json } from "./command-line.ts";
import { createFixtures } from "./fixtures.ts";

interface ExtractResult {
  readonly written: string;
  readonly images: number;
  readonly skipped: readonly { name: string; reason: string }[];
  readonly tensors: Readonly<Record<string, readonly number[]>>;
}

describe("dinov2 extract", () => {
  let root: string;
  beforeAll(async () => (root = await createFixtures()));
  afterAll(() => rm(root, { recursive: true }));

  const extract = (...words: string[]) =>
    dinov2Json<ExtractResult>(["extract", "--model", "model.safetensors", "--backend", "cpu", ...words], root);
  const open = (name: string): Promise<SafetensorsFile> => openSafetensors(join(root, name));

  it("writes the tokens that the model gives for a tensor of pixels, whatever the batch size", async () => {
    const words = ["--images", "pixels.safetensors", "--out", "tokens.safetensors", "--batch-size", "2"];
    const { tensors } = await extract(...words);
    expect(tensors).toEqual({
      x_norm_clstoken: [5, 16],
      x_norm_patchtokens: [5, 12, 16],
      x_norm_regtokens: [5, 1, 16],
    });

    const model = await loadModel(join(root, "model.safetensors"));
    const [pixels, tokens] = [await open("pixels.safetensors"), await open("tokens.safetensors")];
    const images = tf.tensor4d((await pixels.read("images")) as Float32Array, [5, 3, 32, 24]);
    const features = model.forwardFeatures(images);
    const expected = {
      x_norm_clstoken: features.xNormClstoken,
      x_norm_patchtokens: features.xNormPatchtokens,
      x_norm_regtokens: features.xNormRegtokens,
    };
    for (const [name, tensor] of Object.entries(expected)) {
      const [got, want] = [(await tokens.read(name)) as Float32Array, tensor.dataSync()];
      const worst = got.reduce((largest, value, i) => Math.max(largest, Math.abs(value - want[i]!)), 0);
      expect(worst).toBeLessThan(1e-5); // float32 rounding of a batch of 2 against one of 5
    }
    await pixels.close();
    await tokens.close();
  });

  it("names the images and their classes beside the features, in the order of the folder", async () => {
    await extract("--images", "colours", "--out", "new/folder/colours.safetensors", "--tokens", "cls");
    const file = await open("new/folder/colours.safetensors");
    expect(file.names()).toEqual(["x_norm_clstoken", "image_names", "labels"]);
    const names = JSON.parse(new TextDecoder().decode(await file.read("image_names"))) as string[];
    expect(names.slice(0, 3)).toEqual(["blue/0.png", "blue/1.png", "blue/10.png"]);
    expect([...(await file.read("labels"))]).toEqual([...Array<number>(12).fill(0), ...Array<number>(12).fill(1)]);
    expect(JSON.parse(file.metadata.class_names!)).toEqual(["blue", "red"]);
    await file.close();
  });

  it("leaves out a file that is no image, names it, and keeps rows and names together", async () => {
    const words = ["extract", "--model", "model.safetensors", "--images", "mixed", "--out", "mixed.safetensors"];
    const { code, stdout, stderr } = await dinov2([...words, "--backend", "cpu", "--batch-size", "8"], root);
    expect({ code, stderr: stderr.split("\n")[0] }).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^left out spoilt-0\.jpg: is not a readable JPEG/) as string,
    });
    expect(stdout).toMatch(/^19 images in .*, 1 left out, written to mixed\.safetensors/);
    const file = await open("mixed.safetensors");
    expect(file.info("x_norm_patchtokens").shape).toEqual([19, 16, 16]);
    const names = JSON.parse(new TextDecoder().decode(await file.read("image_names"))) as string[];
    expect(names.length).toBe(19);
    expect(names).not.toContain("spoilt-0.jpg");
    expect((await file.read("x_norm_patchtokens")).every((value) => Number.isFinite(value))).toBe(true);
    await file.close();
  });
});
