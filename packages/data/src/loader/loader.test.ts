import { spawnSync } from "node:child_process";
import { readdir, truncate } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "@dinov2/foundation";
import { onTestFinished, describe, expect, it } from "vitest";
import type { Batch } from "../collate.ts";
import { openDataset } from "../datasets/open-dataset.ts";
import { makeTar } from "../datasets/tar/testing.ts";
import { encode, pictureFolder, smoothImage, temporaryFolder } from "../testing.ts";
import { loadEvalImages, type EvalBatch, type EvalLoaderOptions } from "./eval-loader.ts";
import { createLoader, type Loader, type LoaderOptions } from "./loader.ts";

const small = {
  batchSize: 3,
  seed: 4,
  multiCrop: { globalSize: 28, localSize: 14, localCount: 2 },
  masking: { patchSize: 7 },
  workers: 0,
} as const;

async function open(folder: string, options: Partial<LoaderOptions> = {}): Promise<Loader> {
  const loader = createLoader({ dataset: await openDataset(folder), ...small, ...options });
  onTestFinished(() => loader.close());
  return loader;
}

/** The next `count` batches, as plain values that compare deeply. */
async function take(loader: Loader, count: number): Promise<Batch[]> {
  const batches: Batch[] = [];
  for await (const batch of loader) {
    batches.push(batch);
    if (batches.length === count) break;
  }
  return batches;
}

describe("batches", () => {
  it("are the same with no, one and three worker threads", async () => {
    const folder = await pictureFolder(11, [2, 7]);
    const [none, one, three] = await Promise.all(
      [0, 1, 3].map(async (workers) => take(await open(folder, { workers, maxSkippedShare: 0.5 }), 6)),
    );
    expect(none![0]!.globalCrops.shape).toEqual([6, 3, 28, 28]);
    expect(none![0]!.masks.shape).toEqual([6, 16]);
    expect(one).toEqual(none);
    expect(three).toEqual(none);
  });

  it("are the same in memory that was given back, which is then written again", async () => {
    const folder = await pictureFolder(5);
    const expected = await take(await open(folder), 5);
    const loader = await open(folder, { workers: 1, prefetchBatches: 1 });
    const memories = new Set<Float32Array>();
    for await (const batch of loader) {
      expect(batch).toEqual(expected[loader.step - 1]);
      memories.add(batch.globalCrops.data);
      loader.recycle(batch);
      expect(() => loader.recycle(batch)).toThrow(RangeError);
      if (loader.step === expected.length) break;
    }
    expect(memories.size).toBe(2);
  });

  it("hold all first crops, then all second crops, and so on, each in the order of the names", async () => {
    const levels = [10, 60, 110, 160, 210];
    const files = levels.map(async (level) => {
      const data = new Uint8Array(40 * 40 * 3).fill(level);
      return [`${level}.png`, await encode({ width: 40, height: 40, data })] as const;
    });
    const folder = await temporaryFolder(Object.fromEntries(await Promise.all(files)));
    const asBytes = { mean: [0, 0, 0], standardDeviation: [1 / 255, 1 / 255, 1 / 255] } as const;
    const plain = { jitterProbability: 0, solarizeProbability: 0, ...asBytes };
    const [batch] = await take(await open(folder, { multiCrop: { ...small.multiCrop, ...plain } }), 1);
    const { globalCrops, localCrops, sampleNames } = batch!;
    const levelsOf = ({ data, shape }: Batch["globalCrops"]) =>
      Array.from({ length: shape[0] }, (_, row) => Math.round(data[(row * data.length) / shape[0]]!));
    const once = sampleNames.map((name) => parseInt(name));
    expect(levelsOf(globalCrops)).toEqual([...once, ...once]);
    expect(levelsOf(localCrops)).toEqual([...once, ...once]);
  });

  it("go on from step k as if the run had not stopped", async () => {
    const folder = await pictureFolder(7, [3]);
    const whole = await take(await open(folder, { maxSkippedShare: 0.5 }), 6);
    const first = await open(folder, { maxSkippedShare: 0.5 });
    await take(first, 4);
    const resumed = await open(folder, { maxSkippedShare: 0.5, startStep: first.step });
    expect(await take(resumed, 2)).toEqual(whole.slice(4));
  });

  it("go on in the next for-await of the same loader", async () => {
    const folder = await pictureFolder(5);
    const whole = await take(await open(folder), 4);
    const loader = await open(folder, { workers: 1 });
    expect([...(await take(loader, 1)), ...(await take(loader, 3))]).toEqual(whole);
  });

  it("differ between two processes, which share no image of a pass", async () => {
    const folder = await pictureFolder(12);
    const ranks = await Promise.all([0, 1].map(async (rank) => take(await open(folder, { rank, worldSize: 2 }), 2)));
    const names = ranks.map((batches) => batches.flatMap((batch) => batch.sampleNames));
    expect(new Set(names.flat()).size).toBe(12);
  });

  it("draw crops and masks of their own in each step and process, also of one picture", async () => {
    const picture = await encode(smoothImage(40, 40));
    const names = Array.from({ length: 6 }, (_, i) => `${i}.png`);
    const folder = await temporaryFolder(Object.fromEntries(names.map((name) => [name, picture])));
    const ranks = await Promise.all([0, 1].map(async (rank) => take(await open(folder, { rank, worldSize: 2 }), 2)));
    const batches = ranks.flat();
    expect(new Set(batches.map(({ masks }) => masks.data.join())).size).toBe(4);
    expect(new Set(batches.map(({ globalCrops }) => globalCrops.data.subarray(0, 3 * 28 * 28).join())).size).toBe(4);
  });

  it("are the same when decoded pictures are kept in memory", async () => {
    const folder = await pictureFolder(4);
    const plain = await take(await open(folder), 5);
    for (const workers of [0, 2]) {
      expect(await take(await open(folder, { workers, cacheBytes: 10_000 }), 5)).toEqual(plain);
    }
  });

  it("hold another view of an image in every pass", async () => {
    const [first, second] = await take(await open(await pictureFolder(3), { multiCrop: { ...small.multiCrop, localCount: 0 } }), 2);
    const views = [first!, second!].map(({ sampleNames, globalCrops }) => {
      const view = (row: number) => globalCrops.data.subarray(row * 3 * 28 * 28, (row + 1) * 3 * 28 * 28);
      return new Map(sampleNames.map((name, row) => [name, view(row)]));
    });
    expect([...views[1]!.keys()].sort()).toEqual([...views[0]!.keys()].sort());
    for (const [name, view] of views[0]!) expect(views[1]!.get(name)).not.toEqual(view);
    expect(first!.localCrops.shape[0]).toBe(0);
  });
});

describe("batches from tar shards", () => {
  async function shards(): Promise<string> {
    const files: Record<string, Uint8Array> = {};
    for (const shard of [0, 1, 2]) {
      const images = Array.from({ length: 6 }, async (_, i) => encode(smoothImage(40, 36 + i, 6 * shard + i), "jpeg"));
      const contents = await Promise.all(images);
      contents[5] = contents[5]!.subarray(0, 300);
      files[`s-${shard}.tar`] = makeTar(contents.map((content, i) => ({ name: `${i}.jpg`, content })));
    }
    return `${await temporaryFolder(files)}/s-{0..2}.tar`;
  }

  it("are those of the same images from files, resume anywhere, and leave damaged members out", async () => {
    const pattern = await shards();
    const options = { maxSkippedShare: 0.5, shuffleBytes: 3000 };
    const whole = await take(await open(pattern, { ...options, workers: 0 }), 8);
    const names = whole.flatMap(({ sampleNames }) => sampleNames);
    expect(new Set(names).size).toBe(15);
    expect(names.some((name) => name.endsWith("/5.jpg"))).toBe(false);
    for (const workers of [1, 2]) {
      const resumed = await open(pattern, { ...options, workers, startStep: 5 });
      expect(await take(resumed, 3)).toEqual(whole.slice(5));
    }
    expect((await take(await open(pattern, { ...options, shuffleBytes: 0 }), 8)).length).toBe(8);
  });
});

describe("images that cannot be used", () => {
  it("are replaced, counted and named once each", async () => {
    const folder = await pictureFolder(30, [4, 9]);
    const skipped: string[] = [];
    const loader = await open(folder, { workers: 2, onSkip: (name, reason) => skipped.push(`${name} ${reason}`) });
    const batches = await take(loader, 25);
    expect(batches.flatMap((batch) => batch.sampleNames)).not.toContain("004.jpg");
    expect(skipped.map((text) => text.split(" ")[0]).sort()).toEqual(["004.jpg", "009.jpg"]);
    expect(skipped[0]).toContain("cannot be decoded");
    expect(loader.stats().skippedImages).toBe(2);
  });

  it("stop the loader when they are too many", async () => {
    const loader = await open(await pictureFolder(12, [0, 2, 4, 6, 8, 10]), { workers: 1, maxSkippedShare: 0.2 });
    await expect(take(loader, 20)).rejects.toThrow(/more than the allowed 20 %; for example 0\d\d.jpg/);
  });

  it("stop the loader with words for the user when they are all there is", async () => {
    const folder = await temporaryFolder({ "a.jpg": "no image", "b.jpg": "" });
    await expect(take(await open(folder), 1)).rejects.toThrow(InputError);
  });

  it("stop the loader when there is none to take in their place, however many may be unusable", async () => {
    const folder = await temporaryFolder({ "a.jpg": "no image", "b.jpg": "" });
    for (const workers of [0, 1]) {
      const loader = await open(folder, { workers, maxSkippedShare: 1 });
      await expect(take(loader, 1)).rejects.toThrow(/^None of the 2 images to choose from can be used; for example [ab]\.jpg: /);
    }
    const oneOfMany = await open(await pictureFolder(8, [0, 1, 2, 3, 4, 5, 6]), { maxSkippedShare: 1 });
    expect(new Set((await take(oneOfMany, 4)).flatMap(({ sampleNames }) => sampleNames))).toEqual(new Set(["007.jpg"]));
  });

  describe.runIf(process.platform === "linux")("for the reason that reading fails", () => {
    // There is nothing at address 0 of a process: Linux answers EIO.
    const unreadable = { file: "/proc/self/mem", offset: 0, size: 16 };

    it.each([0, 1])("are named once, and used when they can be read, with %i threads", async (workers) => {
      const dataset = await openDataset(await pictureFolder(6));
      const skipped: string[] = [];
      let isDown = true;
      const source = (index: number) => (isDown && index === 2 ? unreadable : dataset.source(index));
      const onSkip = (name: string, reason: string) => skipped.push(`${name} ${reason}`);
      const loader = createLoader({ ...small, dataset: { ...dataset, source }, workers, maxSkippedShare: 0.5, onSkip });
      onTestFinished(() => loader.close());
      expect((await take(loader, 2)).flatMap(({ sampleNames }) => sampleNames)).not.toContain("002.jpg");
      isDown = false;
      expect((await take(loader, 6)).flatMap(({ sampleNames }) => sampleNames)).toContain("002.jpg");
      expect(skipped).toEqual([expect.stringMatching(/^002\.jpg cannot be read \(EIO/)]);
      expect(loader.stats().skippedImages).toBe(1);
    });

    it("stop the loader when they are too many", async () => {
      const dataset = await openDataset(await pictureFolder(3));
      const loader = createLoader({ ...small, dataset: { ...dataset, source: () => unreadable } });
      await expect(take(loader, 1)).rejects.toThrow(/more than the allowed 10 %; for example 00\d\.jpg: cannot be read \(EIO/);
    });
  });

  it("that are not there are named so", async () => {
    const dataset = await openDataset(await pictureFolder(3));
    const source = (index: number) => `${dataset.source(index) as string}.gone`;
    const loader = createLoader({ ...small, dataset: { ...dataset, source } });
    await expect(take(loader, 1)).rejects.toThrow(/00\d\.jpg: cannot be read \(ENOENT/);
  });

  it("are not held in memory to find out, of whatever size", async () => {
    const folder = await temporaryFolder({ "hole.jpg": "" });
    await truncate(join(folder, "hole.jpg"), 3 * 2 ** 30); // more than Node reads at once
    await expect(take(await open(folder), 1)).rejects.toThrow(/hole\.jpg: is not a readable JPEG/);
  });

  it("because they are too large are named with their size and the limit", async () => {
    const folder = await temporaryFolder({ "large.png": await encode(smoothImage(64, 48)) });
    await expect(take(await open(folder, { pixelLimit: 3000 }), 1)).rejects.toThrow(/large.png: 64 x 48 pixels .* 3000/);
  });
});

describe("a loader", () => {
  it("tells how many images it gave and how long it was waited for", async () => {
    const loader = await open(await pictureFolder(5));
    await take(loader, 2);
    const { batches, images, waitedSeconds, imagesPerSecond } = loader.stats();
    expect([batches, images, loader.step]).toEqual([2, 6, 2]);
    expect(waitedSeconds).toBeGreaterThan(0);
    expect(imagesPerSecond).toBeGreaterThan(0);
  });

  it("asks for no more images ahead than its batches hold, however slowly they are taken", async () => {
    const dataset = await openDataset(await pictureFolder(30));
    let asked = 0;
    const counted = { ...dataset, source: (index: number) => (asked++, dataset.source(index)) };
    const loader = createLoader({ ...small, dataset: counted, workers: 1, prefetchBatches: 2 });
    onTestFinished(() => loader.close());
    for (let taken = 1; taken <= 3; taken++) {
      await take(loader, 1);
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(asked).toBe((taken + 2) * small.batchSize);
    }
  });

  it.runIf(process.platform === "linux")("gives its threads back after an error", async () => {
    const threads = async () => (await readdir("/proc/self/task")).length;
    const folder = await pictureFolder(12, [0, 2, 4, 6, 8, 10]);
    const warm = await open(await pictureFolder(3), { workers: 2 });
    await take(warm, 1);
    await warm.close();
    const before = await threads();
    for (let i = 0; i < 3; i++) {
      const loader = createLoader({ ...small, dataset: await openDataset(folder), workers: 2, maxSkippedShare: 0.1 });
      await expect(take(loader, 20)).rejects.toThrow(InputError);
      await loader.close();
    }
    expect(await threads()).toBeLessThanOrEqual(before + 1);
  });

  it("ends its iteration when it is closed, also twice", async () => {
    const loader = await open(await pictureFolder(4), { workers: 1 });
    await take(loader, 1);
    await loader.close();
    await loader.close();
    expect(await take(loader, 1)).toEqual([]);
  });

  it("refuses sizes that are no multiple of the patch, and counts that make no batch", async () => {
    const dataset = await openDataset(await pictureFolder(1));
    expect(() => createLoader({ ...small, dataset, masking: { patchSize: 14 }, multiCrop: { globalSize: 225 } })).toThrow(
      "globalSize 225 is not a multiple of the patch size 14; take 224",
    );
    expect(() => createLoader({ ...small, dataset, batchSize: 0 })).toThrow("batchSize is 0");
    expect(() => createLoader({ ...small, dataset, workers: 1.5 })).toThrow("workers is 1.5");
  });

  it("lets the process end, closed or forgotten", async () => {
    const folder = await pictureFolder(4);
    for (const ending of ["await loader.close();", ""]) {
      const script = `
        import { createLoader, openDataset } from "@dinov2/data";
        const dataset = await openDataset(${JSON.stringify(folder)});
        const loader = createLoader({ dataset, batchSize: 2, seed: 0, workers: 2, masking: { patchSize: 14 } });
        for await (const batch of loader) { console.log(batch.sampleNames.length); break; }
        ${ending}`;
      const args = ["--conditions=@dinov2/source", "--import", "tsx", "--input-type=module", "-e", script];
      const cwd = fileURLToPath(new URL("../..", import.meta.url));
      const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd, timeout: 200_000, encoding: "utf8" });
      expect([status, stdout.trim()], stderr).toEqual([0, "2"]);
    }
  });
});

describe("loadEvalImages", () => {
  async function all(folder: string, options: EvalLoaderOptions = {}): Promise<EvalBatch[]> {
    const batches: EvalBatch[] = [];
    const sizes = { resizeSize: 32, cropSize: 28, batchSize: 4 };
    for await (const batch of loadEvalImages(await openDataset(folder), { ...sizes, ...options })) batches.push(batch);
    return batches;
  }

  it("gives every image once and in order, the same with and without threads", async () => {
    const folder = await pictureFolder(10);
    const batches = await all(folder, { workers: 0 });
    expect(batches.map(({ shape }) => shape[0])).toEqual([4, 4, 2]);
    expect(batches.flatMap(({ indices }) => [...indices])).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(batches.at(-1)!.seen).toBe(10);
    expect(await all(folder, { workers: 2 })).toEqual(batches);
  });

  it("leaves corrupt images out and closes the gap", async () => {
    const skipped: string[] = [];
    const folder = await pictureFolder(10, [1, 5]);
    const onSkip = (name: string) => skipped.push(name);
    const batches = await all(folder, { workers: 0, onSkip, maxSkippedShare: 0.5 });
    const whole = await all(await pictureFolder(10), { workers: 0 });
    expect(skipped).toEqual(["001.jpg", "005.jpg"]);
    expect(batches.map(({ names }) => names)).toEqual([
      ["000.jpg", "002.jpg", "003.jpg"],
      ["004.jpg", "006.jpg", "007.jpg"],
      ["008.jpg", "009.jpg"],
    ]);
    const size = 3 * 28 * 28;
    expect(batches[0]!.images.subarray(size, 2 * size)).toEqual(whole[0]!.images.subarray(2 * size, 3 * size));
  });

  it("gives labels where the folder has classes", async () => {
    const bytes = await encode(smoothImage(20, 20));
    const folder = await temporaryFolder({ [join("cat", "1.png")]: bytes, [join("dog", "1.png")]: bytes });
    expect((await all(folder))[0]!.labels).toEqual([0, 1]);
  });

  it("refuses a set of which too much is unreadable", async () => {
    await expect(all(await pictureFolder(12, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]))).rejects.toThrow(InputError);
  });
});
