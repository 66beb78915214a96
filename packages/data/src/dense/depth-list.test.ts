import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDepthDataset } from "./open-depth-dataset.ts";

/** A PNG of 16 bits as the NYU copies have them. */
const depthPng = (values: number[], width: number) =>
  sharp(Uint16Array.from(values), { raw: { width, height: values.length / width, channels: 1 } }).toColourspace("grey16").png().toBuffer();

describe("openDepthDataset", () => {
  let root: string;
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "depth-list-"));
    await mkdir(join(root, "kitchen_0001"));
    const image = await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).jpeg().toBuffer();
    await writeFile(join(root, "kitchen_0001/rgb_00000.jpg"), image);
    await writeFile(join(root, "kitchen_0001/sync_depth_00000.png"), await depthPng([0, 713, 9999, 65535], 2));
    await writeFile(join(root, "kitchen_0001/grey.png"), await sharp(image).greyscale().png().toBuffer());
    await writeFile(join(root, "nyu_train.txt"), "/kitchen_0001/rgb_00000.jpg /kitchen_0001/sync_depth_00000.png 518.8579\n\n");
    await writeFile(join(root, "nyu_test.txt"), "\n");
    await writeFile(join(root, "train.txt"), "kitchen_0001/rgb_00000.jpg kitchen_0001/grey.png\n");
    await writeFile(join(root, "test.txt"), "kitchen_0001/rgb_00000.jpg kitchen_0001/none.png\n");
  });
  afterAll(() => rm(root, { recursive: true }));

  it("reads NYU's lists: millimetres of 16 bits to metres, to be scored in Eigen's crop", async () => {
    const dataset = await openDepthDataset(`nyu:${root}`, "train");
    expect(dataset).toMatchObject({ length: 1, range: [0.001, 10], scoredCrop: [45, 471, 41, 601] });
    expect(dataset.name(0)).toBe("/kitchen_0001/rgb_00000.jpg");
    expect(await dataset.readMap(0)).toEqual({ width: 2, height: 2, depths: Float32Array.of(0, 0.713, 9.999, 65.535) });
    expect(await dataset.readImage(0)).toMatchObject({ width: 2, height: 2 });
  });

  it("turns SUN RGB-D's bits back: the lowest three of the file are the highest of the depth", async () => {
    await mkdir(join(root, "sun"));
    await writeFile(join(root, "sun/rgb.jpg"), await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } }).jpeg().toBuffer());
    // 1000 mm is stored as 8 · 1000; 8192 + 5 mm as 8 · 5 + 1.
    await writeFile(join(root, "sun/depth.png"), await depthPng([0, 8000, 41, 24], 2));
    await writeFile(join(root, "sun/test.txt"), "rgb.jpg depth.png\nrgb.jpg None\n");
    const dataset = await openDepthDataset(`sun:${join(root, "sun")}`, "val");
    expect(dataset.length).toBe(1);
    expect((await dataset.readMap(0)).depths).toEqual(Float32Array.of(0, 1, 8.197, 0.003));
  });

  it("says what is wrong with a list, a file or a layout", async () => {
    await expect(openDepthDataset(`nyu:${root}`, "val")).rejects.toThrow(/nyu_test.txt names no pair/);
    await expect(openDepthDataset(root, "val")).rejects.toThrow(/test.txt names kitchen_0001\/none.png, which is not in/);
    await expect((await openDepthDataset(root, "train")).readMap(0)).rejects.toThrow(/grey.png: not a depth map: .*expected a grey PNG of 16 bits/);
    await expect(openDepthDataset(join(root, "kitchen_0001"), "train")).rejects.toThrow(/has no train.txt/);
    await expect(openDepthDataset("nuy:somewhere", "train")).rejects.toThrow(/unknown layout; expected nyu:DIR/);
  });
});
