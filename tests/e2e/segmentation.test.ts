import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { dinov2, dinov2Json, expectRefusal } from "./command-line.ts";
import { createFixtures, writeImage } from "./fixtures.ts";

interface SegmentationResult {
  readonly written: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly data: { readonly classes: number; readonly trainImages: number; readonly testImages: number };
  readonly protocol: Readonly<Record<string, unknown>>;
  readonly details: {
    readonly pictures: readonly { readonly file: string }[];
    readonly perClass: readonly { readonly measure: string; readonly classNames: readonly string[]; readonly values: readonly (number | null)[] }[];
  };
}

const side = 40;
/** A mask of one class, as a grey PNG. */
const writeMask = (path: string, label: number, width = side) =>
  sharp(new Uint8Array(width * side).fill(label), { raw: { width, height: side, channels: 1 } }).toColourspace("b-w").png().toFile(path);

/** `count` pictures, one half blue with class 0, the other red with class 1. */
async function writeSide(root: string, name: string, count: number): Promise<void> {
  for (const kind of ["images", "annotations"]) await mkdir(join(root, kind, name), { recursive: true });
  for (let i = 0; i < count; i++) {
    await writeImage(join(root, `images/${name}/${i}.png`), i % 2 ? "red" : "blue", i, side);
    await writeMask(join(root, `annotations/${name}/${i}.png`), i % 2);
  }
}

describe("dinov2 benchmark segmentation", () => {
  let root: string;
  beforeAll(async () => {
    root = await createFixtures();
    await writeSide(join(root, "masks"), "train", 6);
    await writeSide(join(root, "masks"), "val", 3);
    await writeFile(join(root, "masks/classes.txt"), "sky\nroof\ndoor\n");
  });
  afterAll(() => rm(root, { recursive: true }));

  const words = ["benchmark", "segmentation", "--data", "masks", "--backend", "wasm", "--train-batch", "4", "--crop", "28", "--learning-rate", "0.05"];

  it("tells two colours apart by pixels, and writes what it prints, and pictures beside it", async () => {
    const options = ["--model", "pixels", "--out", "results/pixels", "--steps", "30", "--figures", "2"];
    const { written, ...result } = await dinov2Json<SegmentationResult>([...words, ...options], root);
    expect(result.metrics["all.mIoU"]).toBeGreaterThan(0.8);
    expect(result.data).toMatchObject({ classes: 3, trainImages: 6, testImages: 3 });
    expect(result.protocol).toMatchObject({ layers: 1, steps: 30, window: { size: 28, stride: 19 }, ratios: [1], patchSize: 14 });
    expect(result.details.perClass.map(({ measure }) => measure)).toEqual(["IoU", "accuracy"]);
    expect(result.details.perClass[0]).toMatchObject({ classNames: ["sky", "roof", "door"] });
    expect(result.details.pictures.map(({ file }) => file)).toEqual((await readdir(join(root, "results/pixels/overlays"))).map((name) => `overlays/${name}`));
    expect(JSON.parse(await readFile(join(root, written), "utf8"))).toEqual(result);
  });

  it("measures a trained head as it is, and says when it is of another model", async () => {
    const pixels = JSON.parse(await readFile(join(root, "results/pixels/results.json"), "utf8")) as SegmentationResult;
    const tested = ["benchmark", "segmentation", "--data", "masks", "--backend", "wasm", "--crop", "28", "--head", "results/pixels/head.safetensors"];
    const result = await dinov2Json<SegmentationResult>([...tested, "--model", "pixels", "--out", "results/head"], root);
    expect(result.metrics).toEqual(pixels.metrics);
    expect(result.data).toMatchObject({ classes: 3, trainImages: 0, testImages: 3 });
    expect(result.protocol).toMatchObject({ layers: 1, steps: 0, trainedHead: "results/pixels/head.safetensors" });
    const line = /head\.safetensors reads 588 numbers of a place, and the model gives \d+ for each of its \d+ blocks; name the model/;
    await expectRefusal([...tested, "--model", "model.safetensors", "--out", "results/no"], root, line, join(root, "results/no"));
  });

  it("reads a model's last blocks at several sizes, and prints a table of classes", async () => {
    const options = ["--model", "model.safetensors", "--out", "results/model", "--steps", "2", "--multi-scale"];
    const { code, stdout } = await dinov2([...words, ...options], root);
    expect(code).toBe(0);
    expect(stdout).toMatch(/6 train and 3 test images in 3 classes \(masks\)\n\n +IoU +accuracy\nsky +\d+\.\d % +\d+\.\d %\nroof .*\ndoor +\S+.*\n\nmIoU \d/);
  });

  it("ends with 2 and one line when a mask is of another size than its image", async () => {
    await writeSide(join(root, "uneven"), "train", 2);
    await writeSide(join(root, "uneven"), "val", 2);
    await writeMask(join(root, "uneven/annotations/train/0.png"), 0, 30);
    const options = ["--data", "uneven", "--model", "pixels", "--out", "results/uneven", "--steps", "1"];
    await expectRefusal([...words, ...options], root, /0\.png.*30 × 40/, join(root, "results/uneven"));
  });
});
