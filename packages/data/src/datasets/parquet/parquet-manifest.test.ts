import { copyFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { decodeImage } from "../../decode.ts";
import { temporaryFolder } from "../../testing.ts";
import type { ImageDataset } from "../dataset.ts";
import { imageBytes } from "../image-source.ts";
import { openDataset } from "../open-dataset.ts";

const fixture = (name: string) => fileURLToPath(new URL(`fixtures/${name}.parquet`, import.meta.url));
const rows = (dataset: ImageDataset) => Array.from({ length: dataset.length }, (_, i) => i);
const levelOf = async (dataset: ImageDataset, i: number) => (await decodeImage(await imageBytes(dataset.source(i)))).data[0];

describe("a Parquet file with images in it", () => {
  it("as Hugging Face's datasets write it gives each row's image, label and class names", async () => {
    const dataset = await openDataset(fixture("huggingface"));
    expect(dataset.length).toBe(20);
    expect(dataset.classNames).toEqual(["cat", "ant", "bee"]);
    expect([dataset.label(0), dataset.label(4), dataset.label(7), dataset.label(19)]).toEqual([0, 1, undefined, 1]);
    expect(dataset.name(19)).toBe("huggingface.parquet/19");
    for (const i of [19, 0, 7, 8, 9, 3]) expect(await levelOf(dataset, i)).toBe(i);
  });

  it("is read a page at a time: no read is as long as a row group", async () => {
    const dataset = await openDataset(fixture("huggingface"));
    const parts = rows(dataset).map((i) => dataset.source(i) as { offset: number; size: number });
    expect(new Set(parts.map(({ offset }) => offset)).size).toBeGreaterThan(3); // row groups
    expect(Math.max(...parts.map(({ size }) => size))).toBeLessThan(400);
    expect(dataset.blocks!.start(dataset.blocks!.count)).toBe(20);
  });

  it("may list values in a dictionary, and leave some out", async () => {
    const dataset = await openDataset(fixture("dictionary"));
    expect(dataset.classNames).toBeUndefined();
    for (const [i, level] of [200, 100, null, 200, 100, 200, null, 100].entries()) {
      if (level === null) await expect(imageBytes(dataset.source(i))).rejects.toThrow("has no image");
      else expect(await levelOf(dataset, i)).toBe(level);
    }
  });

  it("may be one of many", async () => {
    const folder = await temporaryFolder({});
    for (const i of [0, 1]) await copyFile(fixture("huggingface"), join(folder, `train-0000${i}.parquet`));
    const dataset = await openDataset(`${folder}/train-{00000..00001}.parquet`);
    expect([dataset.length, dataset.name(39)]).toEqual([40, "train-00001.parquet/19"]);
    expect(await levelOf(dataset, 25)).toBe(5);
    expect((await openDataset(`${folder}/*.parquet`)).length).toBe(40);
  });
});

describe("a Parquet file of paths", () => {
  it("is a manifest like one in CSV", async () => {
    const folder = await temporaryFolder({});
    await copyFile(fixture("paths"), join(folder, "set.parquet"));
    const dataset = await openDataset(join(folder, "set.parquet"));
    expect(rows(dataset).map((i) => dataset.source(i))).toEqual(["b/2.png", "1.png", "3.png"].map((path) => join(folder, path)));
    expect(dataset.classNames).toEqual(["cat", "dog"]);
    expect(rows(dataset).map((i) => dataset.label(i))).toEqual([1, 0, undefined]);
    expect(dataset.column?.("split")).toEqual(["train", "val", "train"]);
  });

  it("without images or paths is refused with the columns it has", async () => {
    await expect(openDataset(fixture("wrong-columns"))).rejects.toThrow(/neither .* nor "path"; its columns are paths, images. Did you mean/);
  });
});

describe("a damaged Parquet file", () => {
  it("is refused with its name when its facts cannot be read", async () => {
    const folder = await temporaryFolder({ "text.parquet": "no Parquet", "empty.parquet": "" });
    for (const name of ["text", "empty"]) {
      await expect(openDataset(join(folder, `${name}.parquet`))).rejects.toThrow(/(text|empty)\.parquet is not a readable Parquet file/);
    }
  });

  it("opens or is refused, and its images are read or refused: nothing else happens, whatever bits are flipped", async () => {
    const whole = await readFile(fixture("huggingface"));
    const random = RandomStream.fromSeed(2);
    const folder = await temporaryFolder({});
    for (let i = 0; i < 150; i++) {
      const bytes = Buffer.from(whole);
      for (let flips = 1 + random.integer(4); flips > 0; flips--) bytes[random.integer(bytes.length)]! ^= 1 << random.integer(8);
      const file = join(folder, `${i}.parquet`);
      await writeFile(file, bytes);
      const dataset = await openDataset(file).catch((error: unknown) => {
        expect(error).toBeInstanceOf(InputError);
        return undefined;
      });
      for (const row of dataset ? rows(dataset) : []) {
        await imageBytes(dataset!.source(row)).catch((error: unknown) => expect(error).toBeInstanceOf(InputError));
      }
    }
  });
});
