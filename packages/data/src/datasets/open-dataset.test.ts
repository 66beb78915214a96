import { mkdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../testing.ts";
import { subset, type ImageDataset } from "./dataset.ts";
import { openDataset } from "./open-dataset.ts";

const names = (dataset: ImageDataset) => Array.from({ length: dataset.length }, (_, i) => dataset.name(i));
const labels = (dataset: ImageDataset) => Array.from({ length: dataset.length }, (_, i) => dataset.label(i));

/** The message of the `InputError` that opening `source` ends with. */
async function refusal(source: string): Promise<string> {
  const error: unknown = await openDataset(source).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  const { message } = error as InputError;
  expect(message).not.toContain("\n");
  return message;
}

describe("an image folder", () => {
  it("numbers classes and files by sorted name, as torchvision's ImageFolder does", async () => {
    const folder = await temporaryFolder({ "b/2.png": "", "b/10.PNG": "", "a/deep/x.jpg": "", "a/y.webp": "", "B/z.gif": "" });
    const dataset = await openDataset(folder);
    expect(dataset.classNames).toEqual(["B", "a", "b"]);
    expect(names(dataset)).toEqual(["B/z.gif", "a/y.webp", "a/deep/x.jpg", "b/10.PNG", "b/2.png"]);
    expect(labels(dataset)).toEqual([0, 1, 1, 2, 2]);
    expect(dataset.source(2)).toBe(join(folder, "a/deep/x.jpg"));
  });

  it("has no classes when its images lie flat", async () => {
    const dataset = await openDataset(await temporaryFolder({ "2.jpg": "", "1.jpg": "", "notes.txt": "", ".hidden.jpg": "" }));
    expect(names(dataset)).toEqual(["1.jpg", "2.jpg"]);
    expect(dataset.classNames).toBeUndefined();
    expect(labels(dataset)).toEqual([undefined, undefined]);
  });

  it("leaves out sub-folders without images", async () => {
    const dataset = await openDataset(await temporaryFolder({ "a/": "", "b/1.png": "", "c/readme.md": "" }));
    expect(dataset.classNames).toEqual(["b"]);
    expect(labels(dataset)).toEqual([0]);
  });

  it("follows links, but not in circles", async () => {
    const folder = await temporaryFolder({ "real/1.png": "" });
    await symlink(join(folder, "real"), join(folder, "linked"));
    await mkdir(join(folder, "real", "inner"));
    await symlink(folder, join(folder, "real", "inner", "up"));
    expect(names(await openDataset(folder))).toEqual(["linked/1.png", "real/1.png"]);
  });

  it("refuses images both beside and in sub-folders, and says how to read them", async () => {
    const message = await refusal(await temporaryFolder({ "top.jpg": "", "cats/1.jpg": "" }));
    expect(message).toContain("top.jpg");
    expect(message).toContain("cats");
    expect(message).toContain("glob");
  });

  it("refuses a folder that is missing, empty, or without images", async () => {
    expect(await refusal("/nowhere/at/all")).toContain("/nowhere/at/all");
    expect(await refusal(await temporaryFolder({}))).toContain("is empty");
    expect(await refusal(await temporaryFolder({ "a.txt": "", "b/c.csv": "" }))).toMatch(/2 files but no image.*jpg/);
    expect(await refusal(await temporaryFolder({ "a.tar": "" }))).toMatch(/name .*\*\.tar.* imagenet22k:/);
  });
});

describe("a glob", () => {
  it("takes matching images of any depth, sorted and without classes", async () => {
    const folder = await temporaryFolder({ "b/2.png": "", "a/1.png": "", "a/1.txt": "", "3.png": "" });
    const dataset = await openDataset(`${folder}/**/*`);
    expect(Array.from({ length: dataset.length }, (_, i) => dataset.source(i))).toEqual(
      ["3.png", "a/1.png", "b/2.png"].map((name) => join(folder, name)),
    );
    expect(dataset.classNames).toBeUndefined();
  });

  it("is refused when it matches nothing, or no image", async () => {
    const folder = await temporaryFolder({ "a.txt": "" });
    expect(await refusal(`${folder}/*.jpg`)).toContain("matches no file");
    expect(await refusal(`${folder}/*`)).toContain("no image");
  });
});

describe("a CSV manifest", () => {
  it("resolves paths from its own folder and keeps the order of its rows", async () => {
    const csv = 'label,path\ndog,"x, y/2.jpg"\ncat,/abs/1.jpg\n,3.jpg\n';
    const folder = await temporaryFolder({ "set.csv": csv });
    const dataset = await openDataset(join(folder, "set.csv"));
    expect([0, 1, 2].map((i) => dataset.source(i))).toEqual([join(folder, "x, y/2.jpg"), "/abs/1.jpg", join(folder, "3.jpg")]);
    expect(dataset.classNames).toEqual(["cat", "dog"]);
    expect(labels(dataset)).toEqual([1, 0, undefined]);
  });

  it("sorts numeric labels by value", async () => {
    const folder = await temporaryFolder({ "set.csv": "path,label\na.jpg,10\nb.jpg,9\nc.jpg,10\n" });
    const dataset = await openDataset(join(folder, "set.csv"));
    expect(dataset.classNames).toEqual(["9", "10"]);
    expect(labels(dataset)).toEqual([1, 0, 1]);
  });

  it("keeps the columns split and group", async () => {
    const folder = await temporaryFolder({ "set.csv": "path,split,note\na.jpg,train,1\nb.jpg,val,2\nc.jpg,train,3\n" });
    const dataset = await openDataset(join(folder, "set.csv"));
    expect(dataset.column?.("split")).toEqual(["train", "val", "train"]);
    expect(dataset.column?.("note")).toBeUndefined();
    expect(dataset.column?.("group")).toBeUndefined();
    expect(subset(dataset, [2, 1]).column?.("split")).toEqual(["train", "val"]);
  });

  it("without a path column is refused with the columns it has", async () => {
    const folder = await temporaryFolder({ "set.csv": "Paths,label\na.jpg,1\n", "empty.csv": "path\n", "bad.csv": 'path\n"a.jpg\n' });
    expect(await refusal(join(folder, "set.csv"))).toMatch(/no column "path".*Paths, label/);
    expect(await refusal(join(folder, "empty.csv"))).toContain("lists no image");
    expect(await refusal(join(folder, "bad.csv"))).toContain("not valid CSV");
  });
});

describe("openDataset", () => {
  it("takes a single image", async () => {
    const folder = await temporaryFolder({ "one [1].jpg": "" });
    const dataset = await openDataset(join(folder, "one [1].jpg"));
    expect(names(dataset)).toEqual(["one [1].jpg"]);
    expect(dataset.source(0)).toBe(join(folder, "one [1].jpg"));
  });

  it("refuses a file that is no source", async () => {
    const folder = await temporaryFolder({ "notes.txt": "" });
    expect(await refusal(join(folder, "notes.txt"))).toContain("CSV manifest");
  });
});

describe("subset", () => {
  it("renumbers images and keeps labels and class names", async () => {
    const dataset = await openDataset(await temporaryFolder({ "a/1.jpg": "", "a/2.jpg": "", "b/3.jpg": "" }));
    const part = subset(dataset, [2, 0]);
    expect(names(part)).toEqual(["b/3.jpg", "a/1.jpg"]);
    expect(labels(part)).toEqual([1, 0]);
    expect(part.classNames).toEqual(["a", "b"]);
    expect(() => part.name(2)).toThrow(RangeError);
  });
});
