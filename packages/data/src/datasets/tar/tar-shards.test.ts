import { mkdir, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../testing.ts";
import type { ImageDataset } from "../dataset.ts";
import { imageBytes } from "../image-source.ts";
import { expandRanges } from "../named-files.ts";
import { openDataset } from "../open-dataset.ts";
import { makeTar } from "./testing.ts";

const list = (dataset: ImageDataset) =>
  Array.from({ length: dataset.length }, (_, i) => [dataset.name(i), dataset.classNames?.[dataset.label(i) ?? -1]]);
const contents = (dataset: ImageDataset) =>
  Promise.all(Array.from({ length: dataset.length }, async (_, i) => Buffer.from(await imageBytes(dataset.source(i))).toString()));

beforeEach(() => void vi.stubEnv("DINOV2_CACHE", ""));
afterEach(() => void vi.unstubAllEnvs());

describe("tar shards", () => {
  it("give images with the labels of their samples, from .cls or .json, before or after the image", async () => {
    const folder = await temporaryFolder({
      "t-1.tar": makeTar([
        { name: "a/000.jpg", content: "0" },
        { name: "a/000.cls", content: "10\n" },
        { name: "a/001.cls", content: "9" },
        { name: "a/001.png", content: "1" },
        { name: "a/002.json", content: '{"label": 10}' },
        { name: "a/002.seg.png", content: "2s" },
        { name: "a/002.jpg", content: "2" },
        { name: "a/003.txt", content: "no image" },
        { name: "a/.hidden.jpg", content: "no image" },
      ]),
      "t-0.tar": makeTar([{ name: "b.jpg", content: "b" }]),
    });
    const dataset = await openDataset(`${folder}/t-{0..1}.tar`);
    expect(dataset.classNames).toEqual(["9", "10"]);
    expect(list(dataset)).toEqual([
      ["t-0.tar/b.jpg", undefined],
      ["t-1.tar/a/000.jpg", "10"],
      ["t-1.tar/a/001.png", "9"],
      ["t-1.tar/a/002.seg.png", "10"],
      ["t-1.tar/a/002.jpg", "10"],
    ]);
    expect(await contents(dataset)).toEqual(["b", "0", "1", "2s", "2"]);
    expect((await openDataset(`${folder}/*.tar`)).length).toBe(5);
    expect((await openDataset(`${folder}/t-0.tar`)).classNames).toBeUndefined();
  });

  it("in a range are all there, or it says how many are not", async () => {
    const folder = await temporaryFolder({ "t-08.tar": makeTar([{ name: "b.jpg" }]), "empty.tar": makeTar([]) });
    await expect(openDataset(`${folder}/t-{08..10}.tar`)).rejects.toThrow(/2 of 3 files are missing, for example .*t-09\.tar/);
    await expect(openDataset(`${folder}/x-{1..2}.tar`)).rejects.toThrow(InputError);
    await expect(openDataset(`${folder}/empty.tar`)).rejects.toThrow("hold no image");
  });

  it("are named by ranges as a shell expands them", () => {
    expect(expandRanges("a-{08..10}.tar")).toEqual(["a-08.tar", "a-09.tar", "a-10.tar"]);
    expect(expandRanges("{1..2}/{9..10}.tar")).toEqual(["1/9.tar", "1/10.tar", "2/9.tar", "2/10.tar"]);
    expect(() => expandRanges("{3..1}.tar")).toThrow(InputError);
  });

  it("are indexed once, until they change", async () => {
    const folder = await temporaryFolder({ "cache/": "" });
    vi.stubEnv("DINOV2_CACHE", join(folder, "cache"));
    const shard = join(folder, "t.tar");
    const entries = Array.from({ length: 1200 }, (_, i) => ({ name: `${i}.jpg`, content: String(i) }));
    const bytes = makeTar(entries);
    await writeFile(shard, bytes);
    await utimes(shard, 1000, 1000);
    const first = list(await openDataset(shard));
    // Same size, same time: headers that nobody could read are not looked at again.
    await writeFile(shard, Buffer.alloc(bytes.length, "x"));
    await utimes(shard, 1000, 1000);
    expect(list(await openDataset(shard))).toEqual(first);
    await utimes(shard, 2000, 2000);
    await expect(openDataset(shard)).rejects.toThrow("is not a tar header");
  });
});

describe("ImageNet as it is handed out", () => {
  const one = makeTar([{ name: "n01_1.JPEG", content: "1" }, { name: "n01_2.JPEG", content: "2" }]);
  const two = makeTar([{ name: "n02_1.JPEG", content: "3" }]);

  it("is read from folders of classes, from an archive per class, and from the archive of archives", async () => {
    const folder = await temporaryFolder({
      "folders/train/n01/n01_1.JPEG": "1",
      "folders/train/n01/n01_2.JPEG": "2",
      "folders/train/n02/n02_1.JPEG": "3",
      "folders/val/ILSVRC2012_val_00000001.JPEG": "v",
      "archives/train/n02.tar": two,
      "archives/train/n01.tar": one,
      "whole/ILSVRC2012_img_train.tar": makeTar([{ name: "n02.tar", content: two }, { name: "n01.tar", content: one }]),
      "whole/ILSVRC2012_img_val.tar": makeTar([{ name: "ILSVRC2012_val_00000001.JPEG", content: "v" }]),
    });
    for (const layout of ["folders", "archives", "whole"]) {
      const dataset = await openDataset(`imagenet:${folder}/${layout}`);
      expect(dataset.classNames).toEqual(["n01", "n02"]);
      const rows = (await contents(dataset)).map((content, i) => [content, dataset.label(i)]);
      expect(rows.sort()).toEqual([["1", 0], ["2", 0], ["3", 1]]);
      // Blocks of one class would make batches of one class.
      expect(dataset.blocks).toBeUndefined();
    }
    for (const layout of ["folders", "whole"]) {
      const validation = await openDataset(`imagenet:${folder}/${layout}:split=val`);
      expect([validation.length, validation.classNames, await contents(validation)]).toEqual([1, undefined, ["v"]]);
    }
    const large = await openDataset(`imagenet22k:${folder}/archives/train`);
    expect(list(large)).toEqual([["n01/n01_1.JPEG", "n01"], ["n01/n01_2.JPEG", "n01"], ["n02/n02_1.JPEG", "n02"]]);
  });

  it("is refused with what was looked for", async () => {
    const folder = await temporaryFolder({});
    await mkdir(join(folder, "x"));
    await expect(openDataset(`imagenet:${folder}/x`)).rejects.toThrow(/neither .*x\/train nor .*ILSVRC2012_img_train.tar/);
    await expect(openDataset(`imagenet22k:${folder}/x`)).rejects.toThrow("one archive per class");
    await expect(openDataset("imagenet:")).rejects.toThrow("expected imagenet:DIR");
  });
});
