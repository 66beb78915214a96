import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../testing.ts";
import type { ImageDataset } from "../dataset.ts";
import { openDataset } from "../open-dataset.ts";
import { makeTar } from "../tar/testing.ts";
import { openTestDataset } from "../test-dataset.ts";

/** Name and class of every image. */
const rows = (dataset: ImageDataset) =>
  Array.from({ length: dataset.length }, (_, i) => [dataset.name(i), dataset.classNames?.[dataset.label(i) ?? -1]]);

async function refusal(source: string): Promise<string> {
  const error: unknown = await openTestDataset(source).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(InputError);
  expect((error as InputError).message).not.toContain("\n");
  return (error as InputError).message;
}

const image = (number: number) => `ILSVRC2012_val_${String(number).padStart(8, "0")}`;
const flat = { [`val/${image(1)}.JPEG`]: "", [`val/${image(2)}.JPEG`]: "", [`val/${image(3)}.JPEG`]: "" };
// Lines of three IDs: sorted by wnid these classes are the third, the second and the first.
const map = "n02119789 1 kit_fox\nn02100735 2 English_setter\nn02096294 4 Australian_terrier\n";
/** The same IDs and 1001, n00001740, as SciPy's `savemat` writes them: synsets of eight fields, compressed. */
const meta = Buffer.concat([
  Buffer.from(`${"MATLAB 5.0 MAT-file".padEnd(124)}\0\x01IM`, "latin1"),
  Buffer.from(
    "DwAAAGoBAAB4nO1U0UrDMBS9q910CEXFBx/7AT6kdbr1TVHBgYgozMdSttgGu1SaDLc/8Ff9C5Mt1SwWOlb1aRcuybnlnPTk0DoAcL8D0BKrWMCCRTUVtkU3VG+LZjPKMGfiuQ37av4u" +
      "un/7OHi49JHnh/0rKfB0t1i/6i3LR0wfxGnGlgZ0Mg6HCUlHOabzwRIoNCjmYYJJnHBF4XlEaEjGUYwZOGKI4NvPruGnoTXM/VnzveSdazy7hNfWeHsKU+R7XtDtBWoudW4qdI4MHYlf" +
      "CHefs+mxO5ikr5i542iYZ5ww04+pV5SuV7yHzmtX3IOldiavVXFeoftb562S12FzPZ4F9XJGqHtyqvmt0nEMHYmvaZwSlrjiI+I4/+ljk+/6+dpQK18UnPlBR/Nb9R0fGDoSX0yY+B+l" +
      "JKKuyDcnMuOye9jkvH7OH1t1chbldTtI89ur0GkZOhJjygmf/W+uVgnvL3MtO2/VXD8B0zNSpw==",
    "base64",
  ),
]);

describe("ImageNet's validation images", () => {
  it("take their classes from Kaggle's list, whose rows are in no order", async () => {
    const images = Object.fromEntries(Object.keys(flat).map((path) => [`ILSVRC/Data/CLS-LOC/${path}`, ""]));
    const folder = await temporaryFolder({
      ...images,
      "ILSVRC/Data/CLS-LOC/train/n01440764/n01440764_18.JPEG": "",
      "ILSVRC/Data/CLS-LOC/train/n03995372/n03995372_7.JPEG": "",
      "LOC_val_solution.csv":
        `ImageId,PredictionString\r\n${image(3)},n01440764 115 49 448 294 n01440764 91 42 330 432 \r\n` +
        `${image(1)},n03995372 85 1 499 272 \r\n${image(2)},n01440764 3 3 9 9 \r\n`,
    });
    const validation = await openDataset(`imagenet:${folder}:split=val`);
    expect(rows(validation)).toEqual([[`${image(1)}.JPEG`, "n03995372"], [`${image(2)}.JPEG`, "n01440764"], [`${image(3)}.JPEG`, "n01440764"]]);
    expect(validation.classNames).toEqual(["n01440764", "n03995372"]);
    expect(validation.source(0)).toBe(join(folder, `ILSVRC/Data/CLS-LOC/val/${image(1)}.JPEG`));
    expect(rows(await openDataset(`imagenet:${folder}`)).map(([, wnid]) => wnid)).toEqual(["n01440764", "n03995372"]);
  });

  it.each([
    ["ILSVRC2012_devkit_t12/data", "ILSVRC2012_validation_ground_truth.txt", { "meta.mat": meta }],
    ["ILSVRC/devkit/data", "ILSVRC2015_clsloc_validation_ground_truth.txt", { "map_clsloc.txt": map }],
  ])("take their classes from the devkit in %s, by its own numbers of them", async (devkit, groundTruth, ids) => {
    const inDevkit = Object.entries({ [groundTruth]: "4\n1\n2\n", ...ids }).map(([name, content]) => [`${devkit}/${name}`, content]);
    const folder = await temporaryFolder({ ...flat, ...(Object.fromEntries(inDevkit) as Record<string, string>) });
    const validation = await openDataset(`imagenet:${folder}:split=val`);
    expect(rows(validation).map(([, wnid]) => wnid)).toEqual(["n02096294", "n02119789", "n02100735"]);
    expect([0, 1, 2].map((i) => validation.label(i))).toEqual([0, 2, 1]);
  });

  it("take their classes where they lie in the archive that was downloaded, too", async () => {
    const members = [2, 1].map((number) => ({ name: `${image(number)}.JPEG`, content: String(number) }));
    const folder = await temporaryFolder({
      "ILSVRC2012_img_val.tar": makeTar(members),
      "ILSVRC2012_validation_ground_truth.txt": "4\n1\n",
      "map_clsloc.txt": map,
    });
    const found = new Map(rows(await openDataset(`imagenet:${folder}:split=val`)).map(([name, wnid]) => [name!.split("/").at(-1), wnid]));
    expect(found).toEqual(new Map([[`${image(1)}.JPEG`, "n02096294"], [`${image(2)}.JPEG`, "n02119789"]]));
  });

  it("refuse labels that do not fit them, and say which", async () => {
    const kit = "ILSVRC2012_devkit_t12/data";
    const cases: [files: Record<string, string | Uint8Array>, message: RegExp][] = [
      [{ [`${kit}/ILSVRC2012_validation_ground_truth.txt`]: "1\n2\n4\n" }, /There is no .*devkit_t12\/data\/meta\.mat/],
      [{ [`${kit}/ILSVRC2012_validation_ground_truth.txt`]: "1\n2\n3\n", [`${kit}/meta.mat`]: meta }, /ground_truth\.txt, line 3 is "3"; expected the ILSVRC2012_ID/],
      [{ [`${kit}/ILSVRC2012_validation_ground_truth.txt`]: "1\n2\n4\n", [`${kit}/meta.mat`]: meta.subarray(0, 128) }, /meta\.mat has no structs "synsets" with ILSVRC2012_ID/],
      [{ [`${kit}/ILSVRC2012_validation_ground_truth.txt`]: "1\n1001\n4\n", [`${kit}/map_clsloc.txt`]: map }, /ground_truth\.txt, line 2 is "1001"; expected the ILSVRC2012_ID of a class/],
      [{ [`${kit}/ILSVRC2012_validation_ground_truth.txt`]: "1\n2\n", [`${kit}/map_clsloc.txt`]: map }, /does not say what ILSVRC2012_val_00000003\.JPEG is; it has 2 images/],
      [{ [`${kit}/ILSVRC2012_validation_ground_truth.txt`]: "1\n2\n4\n", [`${kit}/map_clsloc.txt`]: "1 kit_fox\n" }, /map_clsloc\.txt, line 1 is "1 kit_fox"; expected a wnid/],
      [{ "LOC_val_solution.csv": `ImageId,PredictionString\n${image(1)}\n` }, /LOC_val_solution\.csv, line 2 is "ILSVRC2012_val_00000001"; expected/],
      [{ "LOC_val_solution.csv": "ImageId,PredictionString\n" }, /does not say what ILSVRC2012_val_00000001\.JPEG is; it has 0 images/],
    ];
    for (const [files, message] of cases) expect(await refusal(`imagenet:${await temporaryFolder({ ...flat, ...files })}:split=val`)).toMatch(message);
  });
});

describe("test sets with ImageNet's labels", () => {
  it("ReaL: lists by the number in an image's name, in folders of classes or one", async () => {
    const real = JSON.stringify([[5, 7], [], [999]]);
    for (const files of [flat, { [`val/n02119789/${image(3)}.JPEG`]: "", [`val/n02100735/${image(2)}.JPEG`]: "", [`val/n02119789/${image(1)}.JPEG`]: "" }]) {
      const dataset = await openTestDataset(`imagenet-real:${await temporaryFolder({ ...files, "real.json": real })}`);
      const found = Array.from({ length: 3 }, (_, i) => [Number(/(\d+)\.JPEG/.exec(dataset.name(i))![1]), dataset.rightClasses!(i), dataset.label(i)]);
      expect(found.sort()).toEqual([[1, [5, 7], 5], [2, [], undefined], [3, [999], 999]]);
      expect([dataset.numbered, dataset.ownClassesOnly, dataset.classNames!.length]).toEqual([true, undefined, 1000]);
    }
  });

  it("ReaL: refuses what is no list of classes for each image", async () => {
    const told = async (real: string | undefined, files: Record<string, string> = flat) =>
      refusal(`imagenet-real:${await temporaryFolder({ ...files, ...(real !== undefined && { "real.json": real }) })}`);
    expect(await told(undefined)).toMatch(/There is no .*real\.json; expected .* beside the folder val/);
    expect(await told("[[1], [2]")).toMatch(/real\.json is not JSON/);
    expect(await told("[[1], [1000], []]")).toMatch(/expected a list, for each validation image, of classes 0 to 999/);
    expect(await told("[[1], []]")).toMatch(/has 2 lists, and none for ILSVRC2012_val_00000003\.JPEG/);
    expect(await told("[[1]]", { "val/other.JPEG": "" })).toMatch(/other\.JPEG in .* is not named ILSVRC2012_val_/);
  });

  /** A folder with one of an image for each name: links, which are quick to make. */
  async function folders(names: readonly string[], inside = ""): Promise<string> {
    const root = await temporaryFolder({ "images/0.jpeg": "", [`set/${inside}README.txt`]: "" });
    for (const name of names) symlinkSync(join(root, "images"), join(root, "set", inside, name));
    return join(root, "set");
  }
  const numbers = Array.from({ length: 1000 }, (_, k) => String(k));
  const wnids = (count: number) => Array.from({ length: count }, (_, i) => `n${String(2000000 + 7 * i).padStart(8, "0")}`);

  it("V2: a folder's name is the number of its class", async () => {
    const dataset = await openTestDataset(`imagenet-v2:${await folders(numbers)}`);
    expect([dataset.length, dataset.numbered]).toEqual([1000, true]);
    // As texts 10 comes before 2.
    for (let i = 0; i < 1000; i++) expect(dataset.name(i)).toBe(`${dataset.label(i)}/0.jpeg`);
    expect(await refusal(`imagenet-v2:${await folders(["0", "1", "3"])}`)).toMatch(/no images in a folder 2; expected all of 0 to 999/);
    expect(await refusal(`imagenet-v2:${await folders(["0", "n01440764"])}`)).toMatch(/has a folder n01440764; expected folders 0 to 999/);
  });

  it("A and R: 200 folders of wnids, whose classes alone may be answered", async () => {
    const folder = await folders(wnids(200));
    for (const name of ["a", "r"]) {
      const dataset = await openTestDataset(`imagenet-${name}:${folder}`);
      expect([dataset.classNames, dataset.ownClassesOnly]).toEqual([wnids(200), true]);
    }
    expect(await refusal(`imagenet-r:${await folders(wnids(3))}`)).toMatch(/has 3 folders of classes; expected 200/);
    expect(await refusal(`imagenet-a:${await folders(["cats", ...wnids(3)])}`)).toMatch(/has a folder cats; expected 200 folders nXXXXXXXX/);
    expect(await refusal("imagenet-r:/nowhere")).toMatch(/There is no folder \/nowhere/);
  });

  it("Sketch: all classes, in the folder that its archive unpacks to", async () => {
    const dataset = await openTestDataset(`imagenet-sketch:${await folders(wnids(1000), "sketch/")}`);
    expect([dataset.length, dataset.classNames, dataset.ownClassesOnly]).toEqual([1000, wnids(1000), undefined]);
    expect(await refusal(`imagenet-sketch:${await folders(wnids(3))}`)).toMatch(/has 3 folders of classes; expected 1000/);
  });
});
