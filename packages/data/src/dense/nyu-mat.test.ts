import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ready, File } from "h5wasm/node";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { readDepthPair } from "./depth-pair.ts";
import { openDepthDataset } from "./open-depth-dataset.ts";

const [count, width, height] = [3, 20, 16];
/** Of pair n (from 0): red 100 + n, green the column, blue the row; the depth 1 + n + column / 100 + row / 10000. */
const pixel = (n: number, channel: number, x: number, y: number) => [100 + n, x, y][channel]!;
const depth = (n: number, x: number, y: number) => Math.fround(1 + n + x / 100 + y / 10000);

interface Changes {
  readonly names?: readonly [images: string, depths: string];
  readonly widthOfDepths?: number;
  readonly depthType?: "<f" | "<d";
}

/**
 * What `save -v7.3` writes: 512 bytes of MATLAB's own, then HDF5 with turned-around axes, in compressed chunks that hold parts of several
 * pairs ("MAT-File Level 5 and 7.3", MathWorks; written by libhdf5).
 */
async function matFile(path: string, { names: [images, depths] = ["images", "rawDepths"], widthOfDepths = width, depthType = "<f" }: Changes = {}): Promise<string> {
  const values = Array.from({ length: count * 3 * width * height }, (_, i) =>
    pixel(Math.floor(i / (3 * width * height)), Math.floor(i / (width * height)) % 3, Math.floor(i / height) % width, i % height));
  const pairSize = widthOfDepths * height;
  const metres = Array.from({ length: count * pairSize }, (_, i) => depth(Math.floor(i / pairSize), Math.floor(i / height) % widthOfDepths, i % height));
  metres[pairSize + 5] = 0;
  metres[2 * pairSize + 8 * height + 4] = NaN;
  await mkdir(dirname(path), { recursive: true });
  const file = new File(`${path}.h5`, "w");
  const packed = { compression: "gzip", compression_opts: 3 } as const;
  file.create_dataset({ name: images, data: Uint8Array.from(values), shape: [count, 3, width, height], dtype: "<B", chunks: [2, 2, 7, height], ...packed });
  const data = depthType === "<f" ? Float32Array.from(metres) : Float64Array.from(metres);
  file.create_dataset({ name: depths, data, shape: [count, widthOfDepths, height], dtype: depthType, chunks: [2, 6, 5], ...packed });
  file.close();
  const header = Buffer.alloc(512);
  header.write("MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Thu Jul 26 2012 HDF5 schema 1.00 .".padEnd(124));
  header.write("\0\x02IM", 124, "latin1");
  await writeFile(path, Buffer.concat([header, await readFile(`${path}.h5`)]));
  return path;
}

/** A file of version 5 with columns of doubles, as splits.mat is one. */
function splits(variables: Readonly<Record<string, readonly number[]>>): Buffer {
  const element = (type: number, data: Uint8Array) =>
    Buffer.concat([Buffer.from(Uint32Array.of(type, data.length).buffer), data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
  const words = (...values: number[]) => new Uint8Array(Uint32Array.from(values).buffer);
  const matrices = Object.entries(variables).map(([name, values]) =>
    element(14, Buffer.concat([
      element(6, words(6, 0)),
      element(5, words(values.length, 1)),
      element(1, Buffer.from(name)),
      element(9, new Uint8Array(Float64Array.from(values).buffer)),
    ])));
  return Buffer.concat([Buffer.from("MATLAB 5.0 MAT-file".padEnd(124)), Buffer.from("\0\x01IM", "latin1"), ...matrices]);
}

let root: string;
let original: string;
beforeAll(async () => {
  await ready;
  root = await mkdtemp(join(tmpdir(), "nyu-"));
  original = await matFile(join(root, "nyu_depth_v2_labeled.mat"));
  await writeFile(join(root, "splits.mat"), splits({ trainNdxs: [2], testNdxs: [3, 1] }));
});
afterAll(() => rm(root, { recursive: true }));

/** A folder of its own with the pairs and one other split. */
async function beside(name: string, content: Uint8Array | string, folder: string): Promise<string> {
  await mkdir(join(root, folder));
  await copyFile(original, join(root, folder, "nyu.mat"));
  await writeFile(join(root, folder, name), content);
  return `nyu:${join(root, folder, "nyu.mat")}`;
}

describe("nyu:FILE.mat", () => {
  it("reads the pairs of each side by splits.mat, axes turned, pictures black where their frame is", async () => {
    const dataset = await openDepthDataset(`nyu:${original}`, "val");
    expect(dataset).toMatchObject({ length: 2, range: [0.001, 10], scoredCrop: [45, 471, 41, 601] });
    expect([dataset.name(0), dataset.name(1)]).toEqual(["nyu_depth_v2_labeled.mat/0003", "nyu_depth_v2_labeled.mat/0001"]);
    const { image, map } = await readDepthPair(dataset, 1);
    expect([image.width, image.height, map.width, map.height]).toEqual([width, height, width, height]);
    const colors = (x: number, y: number) => [...image.data.subarray(3 * (y * width + x), 3 * (y * width + x) + 3)];
    expect([colors(7, 7), colors(11, 9)]).toEqual([[100, 7, 7], [100, 11, 9]]);
    expect([colors(6, 7), colors(12, 9), colors(9, 6), colors(9, 10)]).toEqual(Array(4).fill([0, 0, 0]));
    expect(map.depths[9 * width + 11]).toBe(depth(0, 11, 9));
    expect(map.depths.at(-1)).toBe(depth(0, 19, 15));
    const train = await openDepthDataset(`nyu:${original}`, "train");
    expect(train.length).toBe(1);
    const measured = (await readDepthPair(train, 0)).map.depths;
    expect([measured[5 * width], measured[4 * width]]).toEqual([0, depth(1, 0, 4)]);
  });

  it("names the pair whose depth is no number", async () => {
    const dataset = await openDepthDataset(`nyu:${original}`, "val");
    await expect(readDepthPair(dataset, 0)).rejects.toThrow("nyu_depth_v2_labeled.mat/0003: the depth at column 8, row 4 is NaN; expected metres");
  });

  it("says how to install its reader where that is missing", async () => {
    vi.doMock("h5wasm/node", () => {
      throw new Error("Cannot find package");
    });
    await expect(openDepthDataset(`nyu:${original}`, "val")).rejects.toThrow(
      /^nyu_depth_v2_labeled\.mat is read by the package h5wasm, which does not load; install it: npm install h5wasm@0\.10\.3$/,
    );
    vi.doUnmock("h5wasm/node");
  });

  it("takes the numbers of test pairs from a text, and all others to learn from", async () => {
    const source = await beside("test_numbers.txt", "2\n", "listed");
    const names = async (side: "train" | "val") => {
      const dataset = await openDepthDataset(source, side);
      return Array.from({ length: dataset.length }, (_, i) => dataset.name(i));
    };
    expect([await names("train"), await names("val")]).toEqual([["nyu.mat/0001", "nyu.mat/0003"], ["nyu.mat/0002"]]);
  });

  it.each<[string, string, Uint8Array | string, RegExp]>([
    ["beyond the pairs", "splits.mat", splits({ trainNdxs: [1, 4], testNdxs: [2] }), /splits\.mat names pair 4; nyu\.mat has pairs 1 to 3/],
    ["on both sides", "splits.mat", splits({ trainNdxs: [1, 2], testNdxs: [2] }), /splits\.mat names pair 2 twice; expected each pair on one side/],
    ["of other names", "splits.mat", splits({ train: [1], test: [2] }), /splits\.mat has no numbers trainNdxs; expected trainNdxs and testNdxs/],
    ["damaged", "splits.mat", splits({ trainNdxs: [1], testNdxs: [2] }).subarray(0, 190), /splits\.mat cannot be read as a MATLAB file of version 5/],
    ["that are none", "test_numbers.txt", "2\nthree\n", /test_numbers\.txt names pair NaN; nyu\.mat has pairs 1 to 3/],
    ["of nobody", "test_numbers.txt", "\n", /test_numbers\.txt leaves no pair to test on/],
    ["that are not there", "notes.txt", "", /has no splits\.mat beside nyu\.mat; put the official split there, or test_numbers\.txt/],
  ])("refuses numbers %s", async (what, name, content, message) => {
    await expect(openDepthDataset(await beside(name, content, what), "val")).rejects.toThrow(message);
  });

  it("says what is wrong with the file: missing, another, cut off, damaged, without depths, of other sizes or types", async () => {
    const open = (path: string) => openDepthDataset(`nyu:${path}`, "val");
    await expect(open(join(root, "none.mat"))).rejects.toThrow(/There is no .*none\.mat; expected nyu_depth_v2_labeled\.mat/);
    await expect(open(join(root, "splits.mat"))).rejects.toThrow(/splits\.mat cannot be read as an HDF5 file \(MATLAB 7\.3\): file signature not found\.$/);
    const bytes = await readFile(original);
    await writeFile(join(root, "short.mat"), bytes.subarray(0, bytes.length - 100));
    await expect(open(join(root, "short.mat"))).rejects.toThrow(/short\.mat cannot be read as an HDF5 file .*truncated file/);
    await expect(open(await matFile(join(root, "filled.mat"), { names: ["images", "depths"] }))).rejects.toThrow(/filled\.mat has no array "rawDepths"/);
    await expect(open(await matFile(join(root, "narrow.mat"), { widthOfDepths: 9 }))).rejects.toThrow(
      /narrow\.mat has images \[3, 3, 20, 16\] and rawDepths \[3, 9, 16\]; expected \[N, 3, W, H\] and \[N, W, H\]/,
    );
    await expect(open(await matFile(join(root, "double.mat"), { depthType: "<d" }))).rejects.toThrow(/"rawDepths" of .*double\.mat is of type <d; expected bytes or/);
  });
});
