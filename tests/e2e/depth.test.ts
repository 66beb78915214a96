import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2, dinov2Json, expectRefusal } from "./command-line.ts";
import { createFixtures, writeImage } from "./fixtures.ts";

interface DepthResult {
  readonly written: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly data: { readonly trainImages: number; readonly testImages: number };
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly details: { readonly pictures: readonly { readonly file: string }[] };
}

describe("dinov2 benchmark depth", () => {
  let root: string;
  beforeAll(async () => {
    root = await createFixtures();
    await mkdir(join(root, "rooms"));
    const side = 40;
    for (let i = 0; i < 6; i++) {
      await writeImage(join(root, `rooms/${i}.png`), i % 2 ? "red" : "blue", i, side);
      const values = new Uint16Array(side * side).fill(i % 2 ? 2000 : 6000);
      await sharp(values, { raw: { width: side, height: side, channels: 1 } }).toColourspace("grey16").png().toFile(join(root, `rooms/${i}-depth.png`));
    }
    const lines = Array.from({ length: 6 }, (_, i) => `${i}.png ${i}-depth.png`);
    await writeFile(join(root, "rooms/train.txt"), lines.slice(0, 4).join("\n"));
    await writeFile(join(root, "rooms/test.txt"), lines.slice(4).join("\n"));
  });
  afterAll(() => rm(root, { recursive: true }));

  const words = ["benchmark", "depth", "--data", "rooms", "--backend", "wasm", "--train-batch", "2", "--head", "lin1"];

  it("writes what it prints, and pictures beside it", async () => {
    const options = ["--model", "pixels", "--out", "results/pixels", "--steps", "3", "--learning-rate", "1e-3", "--crop", "16x24", "--figures", "1"];
    const { written, ...result } = await dinov2Json<DepthResult>([...words, ...options], root);
    expect(Object.keys(result.metrics)).toHaveLength(18);
    expect(result.data).toMatchObject({ trainImages: 4, testImages: 2 });
    expect(result.protocol).toMatchObject({ head: "lin1", steps: 3, crop: { height: 16, width: 24 }, range: [0.001, 10], patchSize: 14 });
    expect(JSON.parse(await readFile(join(root, written), "utf8"))).toEqual(result);
    expect(result.details.pictures.map(({ file }) => file)).toEqual((await readdir(join(root, "results/pixels/depth"))).map((name) => `depth/${name}`));
  });

  it("measures a trained head as it is, without a train side, and refuses to train it", async () => {
    const pixels = JSON.parse(await readFile(join(root, "results/pixels/results.json"), "utf8")) as DepthResult;
    await mkdir(join(root, "tests-only"));
    await writeFile(join(root, "tests-only/test.txt"), [4, 5].map((i) => `../rooms/${i}.png ../rooms/${i}-depth.png`).join("\n"));
    const tested = ["benchmark", "depth", "--data", "tests-only", "--backend", "wasm", "--model", "pixels"];
    const head = ["--head", "results/pixels/head.safetensors"];
    const result = await dinov2Json<DepthResult>([...tested, ...head, "--out", "results/head"], root);
    expect(result.metrics).toEqual(pixels.metrics);
    expect(result.data).toMatchObject({ trainImages: 0, testImages: 2 });
    expect(result.protocol).toMatchObject({ head: "lin1", steps: 0, trainedHead: "results/pixels/head.safetensors" });
    expect(await readdir(join(root, "results/head"))).not.toContain("head.safetensors");
    await expectRefusal([...tested, ...head, "--out", "results/no", "--steps", "3"], root, /--steps is for training a head, and --head names a file of one/, join(root, "results/no"));
    await expectRefusal([...tested, "--out", "results/no", "--head", "linear"], root, /'linear' is invalid\. Expected lin1, lin4, dpt, or a \.pth/, join(root, "results/no"));
  });

  it("reads a model's places, scores up to the depth asked for, and prints a table of both sums", async () => {
    const options = ["--model", "model.safetensors", "--out", "results/model", "--steps", "2", "--max-depth", "5", "--no-flip"];
    const { code, stdout } = await dinov2([...words, ...options], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/4 train and 2 test images \(rooms\)\n\n +mean of images +all pixels\na1 +\d\.\d{4} +\d\.\d{4}\n/);
  });

  it("ends with 2 and one line when a depth map is of another size than its image", async () => {
    const small = await sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } }).png().toBuffer();
    await writeFile(join(root, "rooms/small.png"), small);
    await mkdir(join(root, "uneven"));
    for (const side of ["train", "test"]) await writeFile(join(root, `uneven/${side}.txt`), "../rooms/small.png ../rooms/0-depth.png\n");
    const options = ["--data", "uneven", "--model", "pixels", "--out", "results/uneven", "--steps", "1"];
    const line = /small\.png: the depth map is 40 × 40 pixels and its image 8 × 8/;
    await expectRefusal([...words, ...options], root, line, join(root, "results/uneven"));
  });
});
