import { symlinkSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { describe, expect, it, onTestFinished } from "vitest";
import { fingerprint, openTask } from "./task.ts";

/** Files without content, unless they have one. */
async function folderOf(...files: (string | readonly [path: string, content: string])[]): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "dinov2-tests-"));
  onTestFinished(() => rm(root, { recursive: true }));
  for (const file of files) {
    const [path, content] = typeof file === "string" ? [file, ""] : file;
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  return root;
}

const open = (data: string, ...testData: string[]) => openTask({ data, ...(testData.length > 0 && { testData }), split: 0.5, seed: 0 });

async function refusal(data: string, ...testData: string[]): Promise<string> {
  const error: unknown = await open(data, ...testData).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  return (error as InputError).message;
}

describe("images to test on", () => {
  it("may have fewer classes, which are the same by their names, and any may be answered", async () => {
    const root = await folderOf("train/ant/1.png", "train/bee/1.png", "train/cat/1.png", "val/cat/9.png", "val/bee/8.png");
    const { test, classNames } = await open(root);
    expect(classNames).toEqual(["ant", "bee", "cat"]);
    expect([0, 1].map((i) => [test.name(i), test.label(i)])).toEqual([["bee/8.png", 1], ["cat/9.png", 2]]);
    expect(test.among).toBeUndefined();
  });

  it("in place of a folder's own, leave it the images to learn from; a class that it has not is refused", async () => {
    const root = await folderOf("own/train/ant/1.png", "own/train/bee/1.png", "own/val/ant/2.png", "other/bee/3.png", "strange/bee/1.png", "strange/yak/1.png");
    const { train, test, furtherTests, origin } = await open(join(root, "own"), join(root, "other"));
    expect([train.length, test.length, test.label(0), furtherTests]).toEqual([2, 1, 1, undefined]);
    expect(origin).toBe(`tested on ${join(root, "other")}`);
    expect(await refusal(join(root, "own"), join(root, "strange"))).toMatch(/Class "yak" of .*strange is not among the classes of .*own\/train/);
  });

  it("are named by their folders, where there are several", async () => {
    const root = await folderOf("train/ant/1.png", "a/ant/1.png", "b c/ant/1.png", "x/a/ant/1.png");
    const task = await open(join(root, "train"), ...["a", "b c", "x/a"].map((name) => join(root, name)));
    expect(task.furtherTests!.map(({ name }) => name)).toEqual(["b-c", "a-2"]);
  });
});

describe("ImageNet", () => {
  const validation = (number: number) => `ILSVRC2012_val_0000000${number}.JPEG`;

  it("is a whole task: its validation images are tested, with the classes that a list names", async () => {
    const list = "ImageId,PredictionString\nILSVRC2012_val_00000002,n02 1 1 2 2\nILSVRC2012_val_00000001,n03 1 1 2 2\n".replaceAll("n0", "n0000000");
    const train = ["n00000001", "n00000002", "n00000003"].map((wnid) => `train/${wnid}/${wnid}_1.JPEG`);
    const labelled = await folderOf(...train, `val/${validation(1)}`, `val/${validation(2)}`, ["LOC_val_solution.csv", list]);
    const { test, train: images, origin } = await open(`imagenet:${labelled}`);
    expect([images.length, [0, 1].map((i) => test.label(i))]).toEqual([3, [2, 1]]);
    expect(origin).toBe("ImageNet's training and validation images");
    const bare = await folderOf(...train, `val/${validation(1)}`);
    expect(await refusal(`imagenet:${bare}`)).toMatch(/:split=val has no classes; .*LOC_val_solution\.csv in DIR, or the devkit/);
  });

  it("has test sets by wnid, with a part of the classes, and by number, which needs all of them in training", async () => {
    const wnids = Array.from({ length: 1000 }, (_, k) => `n${String(10 * k).padStart(8, "0")}`);
    const every5th = wnids.filter((_, k) => k % 5 === 3);
    const manifest = (name: string, classes: readonly string[]) => [name, `path,label\n${classes.map((wnid) => `${wnid}/0.JPEG,${wnid}\n`).join("")}`] as const;
    const real = ["in1k/real.json", JSON.stringify([[7, 999], [], [1]])] as const;
    const root = await folderOf(
      "one/0.JPEG", "a/.keep", real, ...[1, 2, 3].map((n) => `in1k/val/${validation(n)}`),
      manifest("train.csv", wnids.toReversed()), manifest("few.csv", wnids.slice(0, 20)), manifest("a.csv", every5th),
    );
    for (const wnid of every5th) symlinkSync(join(root, "one"), join(root, "a", wnid));
    const [train, few] = [join(root, "train.csv"), join(root, "few.csv")];
    const task = await open(train, `imagenet-a:${root}/a`, `imagenet-real:${root}/in1k`);

    expect([...task.test.among!]).toEqual(wnids.map((_, k) => k).filter((k) => k % 5 === 3));
    for (let i = 0; i < 200; i++) expect(task.classNames[task.test.label(i)!]).toBe(task.test.name(i).split("/")[0]);
    expect(task.test.scoring).toBe(`only the 200 classes of imagenet-a:${root}/a may be answered`);

    const [{ name, images }] = task.furtherTests as [NonNullable<typeof task.furtherTests>[number]];
    expect([name, [0, 1, 2].map((i) => images.rightClasses!(i)), images.among]).toEqual(["imagenet-real", [[7, 999], [], [1]], undefined]);
    expect([images.leftOut, images.scoring]).toEqual([1, "any of several right classes counts; 1 of 3 images have none and are left out"]);

    expect(await refusal(few, `imagenet-a:${root}/a`)).toMatch(/Class "n00000230" of imagenet-a:.*\/a is not among the classes of .*few\.csv/);
    expect(await refusal(few, `imagenet-real:${root}/in1k`)).toMatch(/numbers ImageNet's 1000 classes, so .*few\.csv must have all of them, named by wnid; it has 20 \(n00000000\)/);
    // The same images with every class to answer are another task.
    expect(fingerprint(await open(train, join(root, "a.csv")))).not.toBe(fingerprint(await open(train, `imagenet-a:${root}/a`)));
  });
});
