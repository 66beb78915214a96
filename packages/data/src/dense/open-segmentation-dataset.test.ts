import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pngChunk } from "../testing.ts";
import { openSegmentationDataset } from "./open-segmentation-dataset.ts";
import { readLabelPng } from "./label-png.ts";
import { readSegmentationPair } from "./segmentation-pair.ts";

/** A PNG of given rows (filter first) by the letter of the format; every palette entry is the same red. */
function png(width: number, bits: number, colour: number, rows: number[][]): Buffer {
  const header = Buffer.from([0, 0, 0, width, 0, 0, 0, rows.length, bits, colour, 0, 0, 0]);
  const palette = colour === 3 ? [pngChunk("PLTE", Buffer.from(Array.from({ length: 3 << bits }, (_, i) => (i % 3 ? 0 : 255))))] : [];
  const start = Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]);
  return Buffer.concat([start, pngChunk("IHDR", header), ...palette, pngChunk("IDAT", deflateSync(Buffer.from(rows.flat()))), pngChunk("IEND", Buffer.alloc(0))]);
}
const mask = (...labels: number[]) => png(labels.length, 8, 0, [[0, ...labels]]);

let root: string;
let photo: Buffer;
const put = async (path: string, content: string | Uint8Array) => {
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
};
const labels = async (source: string, split: "train" | "val") => [...(await (await openSegmentationDataset(source, split)).readMap(0)).labels];

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "segmentation-"));
  photo = await sharp({ create: { width: 4, height: 1, channels: 3, background: "red" } }).jpeg().toBuffer();
});
afterAll(() => rm(root, { recursive: true }));

describe("readLabelPng", () => {
  it("gives indices of a palette and undoes each filter", async () => {
    // None, left, above, average, Paeth; the expected rows follow from the definitions by hand.
    await put("filters.png", png(3, 8, 3, [[0, 1, 2, 3], [1, 1, 1, 1], [2, 1, 1, 254], [3, 1, 1, 1], [4, 1, 1, 1]]));
    const { labels, width, height } = await readLabelPng(join(root, "filters.png"));
    expect([width, height]).toEqual([3, 5]);
    expect([...labels]).toEqual([1, 2, 3, 1, 2, 3, 2, 3, 1, 2, 3, 3, 3, 4, 5]);
  });

  it("unpacks pixels of 4 bits, and agrees with an encoder that chooses its own filters", async () => {
    await put("four.png", png(3, 4, 3, [[0, 0x12, 0xf0]]));
    expect([...(await readLabelPng(join(root, "four.png"))).labels]).toEqual([1, 2, 15]);
    const values = Uint8Array.from({ length: 35 * 20 }, (_, i) => (i * i * 7 + (i >> 3)) % 251);
    await put("grey.png", await sharp(values, { raw: { width: 35, height: 20, channels: 1 } }).toColourspace("b-w").png({ adaptiveFiltering: true }).toBuffer());
    expect((await readLabelPng(join(root, "grey.png"))).labels).toEqual(values);
  });

  it("says what a file is that holds no classes", async () => {
    await put("photo.png", await sharp(photo).png().toBuffer());
    await expect(readLabelPng(join(root, "photo.png"))).rejects.toThrow(/photo.png: not a mask of classes: .*colour type 2; expected grey/);
  });
});

describe("openSegmentationDataset", () => {
  it("reads ADE20k: nothing is 0, classes from 1", async () => {
    const rows = Array.from({ length: 150 }, (_, i) => `${i + 1}\t0.1\t1\t1\tthing${i + 1}, other name`);
    await put("ADE/objectInfo150.txt", `Idx\tRatio\tTrain\tVal\tName\n${rows.join("\n")}\n`);
    await put("ADE/images/validation/ADE_val_00000001.jpg", photo);
    await put("ADE/annotations/validation/ADE_val_00000001.png", mask(0, 1, 150, 2));
    expect(await labels(`ade20k:${root}/ADE`, "val")).toEqual([255, 0, 149, 1]);
    expect((await openSegmentationDataset(`ade20k:${root}/ADE`, "val")).classNames[149]).toBe("thing150");
    await expect(openSegmentationDataset(`ade20k:${root}/ADE`, "train")).rejects.toThrow(/no folder images\/training/);
  });

  it("reads VOC by its lists, and says which mask is missing", async () => {
    await put("kit/VOC2012/ImageSets/Segmentation/val.txt", "2007_000033\n");
    await put("kit/VOC2012/ImageSets/Segmentation/train.txt", "2007_000032\n");
    await put("kit/VOC2012/JPEGImages/2007_000033.jpg", photo);
    await put("kit/VOC2012/JPEGImages/2007_000032.jpg", photo);
    await put("kit/VOC2012/SegmentationClass/2007_000033.png", png(4, 8, 3, [[0, 0, 20, 255, 1]]));
    expect(await labels(`voc:${root}/kit`, "val")).toEqual([0, 20, 255, 1]);
    expect(await labels(`voc:${root}/kit/VOC2012`, "val")).toEqual([0, 20, 255, 1]);
    await expect(openSegmentationDataset(`voc:${root}/kit`, "train")).rejects.toThrow(/SegmentationClass\/2007_000032.png is not there/);
  });

  it("names what a list, a mask or a side has wrong: no image, an empty list, a class that there is not, another size", async () => {
    for (const side of ["train", "val"]) await put(`bad/VOC2012/ImageSets/Segmentation/${side}.txt`, side === "train" ? "\n" : "2007_000033\n");
    await put("bad/VOC2012/SegmentationClass/2007_000033.png", png(4, 8, 3, [[0, 0, 21, 255, 1]]));
    await expect(openSegmentationDataset(`voc:${root}/bad`, "train")).rejects.toThrow(/bad has no image to learn from; its train side is empty/);
    await expect(openSegmentationDataset(`voc:${root}/bad`, "val")).rejects.toThrow(/JPEGImages\/2007_000033\.jpg is not there; expected it beside .*2007_000033\.png/);
    await put("bad/VOC2012/JPEGImages/2007_000033.jpg", photo);
    const pair = async () => readSegmentationPair(await openSegmentationDataset(`voc:${root}/bad`, "val"), 0);
    await expect(pair()).rejects.toThrow("VOC2012/JPEGImages/2007_000033.jpg: the class at column 1, row 0 is 21; expected 0 to 20, or 255");
    await put("bad/VOC2012/SegmentationClass/2007_000033.png", mask(0, 1));
    await expect(pair()).rejects.toThrow("2007_000033.jpg: the mask is 2 × 1 pixels and its image 4 × 1; expected equal sizes");
  });

  it("reads Cityscapes by label ids, or by train ids where they are", async () => {
    const of = (split: string, kind: string) => `city/gtFine/${split}/ulm/ulm_000000_000019_gtFine_${kind}.png`;
    for (const split of ["train", "val"]) await put(`city/leftImg8bit/${split}/ulm/ulm_000000_000019_leftImg8bit.png`, photo);
    await put(of("train", "labelIds"), mask(7, 33, 0, 29));
    await put(of("val", "labelTrainIds"), mask(0, 18, 255, 5));
    expect(await labels(`cityscapes:${root}/city`, "train")).toEqual([0, 18, 255, 255]);
    expect(await labels(`cityscapes:${root}/city`, "val")).toEqual([0, 18, 255, 5]);
  });

  it("reads plain folders, with names or by the numbers used", async () => {
    await put("plain/images/train/a.jpg", photo);
    await put("plain/annotations/train/a.png", mask(0, 2, 255, 0));
    expect((await openSegmentationDataset(join(root, "plain"), "train")).classNames).toEqual(["class 0", "class 1", "class 2"]);
    await put("plain/classes.txt", "sky\nsea\nsand\nship\n");
    expect((await openSegmentationDataset(join(root, "plain"), "train")).classNames).toEqual(["sky", "sea", "sand", "ship"]);
    await mkdir(join(root, "plain/images/val"));
    await expect(openSegmentationDataset(join(root, "plain"), "val")).rejects.toThrow(/val side is empty/);
    await expect(openSegmentationDataset(`adek:${root}`, "val")).rejects.toThrow(/unknown layout; expected ade20k:DIR/);
  });
});
