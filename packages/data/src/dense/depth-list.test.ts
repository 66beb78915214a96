import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDepthList } from "./depth-list.ts";
import { readDepthPair } from "./depth-pair.ts";
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

  it("reads KITTI in Eigen's split: 256 units a metre, the lower middle of each frame", async () => {
    const [folder, drive] = [join(root, "kitti"), "2011_09_26/drive_0002_sync"];
    for (const part of ["input", "gt_depth"]) await mkdir(join(folder, part, drive), { recursive: true });
    // Frames of 1218 × 353: a column goes on each side, and the uppermost row.
    const [width, height] = [1218, 353];
    const values = Array.from({ length: width * height }, (_, i) => (i === width + 1 ? 512 : i === width * height - 2 ? 256 : 0));
    const pixels = Uint8Array.from({ length: 3 * width * height }, (_, i) => (Math.floor(i / 3) === width + 1 ? 200 : 10));
    await writeFile(join(folder, "gt_depth", drive, "69.png"), await depthPng(values, width));
    await writeFile(join(folder, "input", drive, "69.png"), await sharp(pixels, { raw: { width, height, channels: 3 } }).png().toBuffer());
    await writeFile(join(folder, "kitti_eigen_test.txt"), `${drive}/69.png ${drive}/69.png 721.5377\n${drive}/70.png None 721.5377\n`);
    const dataset = await openDepthDataset(`kitti:${folder}`, "val");
    expect(dataset).toMatchObject({ length: 1, range: [0.001, 80], scoredCrop: [143, 349, 43, 1172] });
    const map = await dataset.readMap(0);
    expect([map.width, map.height, map.depths[0], map.depths.at(-1)]).toEqual([1216, 352, 2, 1]);
    const image = await dataset.readImage(0);
    expect([image.width, image.height, image.data[0], image.data[3]]).toEqual([1216, 352, 200, 10]);
    await writeFile(join(folder, "input", drive, "69.png"), await sharp({ create: { width: 20, height: 10, channels: 3, background: "red" } }).png().toBuffer());
    await expect(dataset.readImage(0)).rejects.toThrow(/69.png is 20 × 10 pixels; expected at least 1216 × 352/);
  });

  it("names the pair of which nothing was measured, or whose sizes differ, and the line that is no pair", async () => {
    await writeFile(join(root, "kitchen_0001/zeros.png"), await depthPng([0, 0, 0, 0], 2));
    await writeFile(join(root, "kitchen_0001/wide.png"), await depthPng([1, 2, 3, 4, 5, 6], 3));
    const names = ["zeros", "wide"].map((name) => `kitchen_0001/rgb_00000.jpg kitchen_0001/${name}.png`);
    await writeFile(join(root, "val.txt"), `${names.join("\n")}\n`);
    const dataset = await openDepthList(root, { lists: ["val.txt"], unitsPerMetre: 1000, range: [0.001, 10] });
    await expect(readDepthPair(dataset, 0)).rejects.toThrow("kitchen_0001/rgb_00000.jpg: no depth was measured, all are 0; leave the pair out.");
    await expect(readDepthPair(dataset, 1)).rejects.toThrow("kitchen_0001/rgb_00000.jpg: the depth map is 3 × 2 pixels and its image 2 × 2");
    await writeFile(join(root, "val.txt"), "kitchen_0001/rgb_00000.jpg\n");
    await expect(openDepthList(root, { lists: ["val.txt"], unitsPerMetre: 1000, range: [0.001, 10] })).rejects.toThrow(/val\.txt, line 1: ".*rgb_00000\.jpg" is no pair/);
  });

  it("says what is wrong with a list, a file or a layout", async () => {
    await expect(openDepthDataset(`nyu:${root}`, "val")).rejects.toThrow(/nyu_test.txt names no pair/);
    await expect(openDepthDataset(root, "val")).rejects.toThrow(/test.txt names kitchen_0001\/none.png, which is not in/);
    await expect((await openDepthDataset(root, "train")).readMap(0)).rejects.toThrow(/grey.png: not a depth map: .*expected a grey PNG of 16 bits/);
    await expect(openDepthDataset(join(root, "kitchen_0001"), "train")).rejects.toThrow(/has no train.txt/);
    await expect(openDepthDataset("nuy:somewhere", "train")).rejects.toThrow(/unknown layout; expected nyu:DIR/);
  });
});
