import { describe, expect, it } from "vitest";
import { matBytes, matCells, matChars, matDoubles, matFile, matPacked, matStructs } from "../../mat/testing.ts";
import { temporaryFolder } from "../../testing.ts";
import { openClassificationSet } from "./open-classification-set.ts";

describe("Flowers-102", () => {
  const images = Object.fromEntries([1, 2, 3, 4].map((n) => [`jpg/image_0000${n}.jpg`, ""]));
  const setid = matFile(matPacked(matDoubles("trnid", 2)), matPacked(matDoubles("valid", 4)), matPacked(matDoubles("tstid", 1, 3)));

  it("has classes by number of image, and numbers of each side", async () => {
    const folder = await temporaryFolder({ ...images, "imagelabels.mat": matFile(matPacked(matBytes("labels", 77, 9, 10, 77))), "setid.mat": setid });
    const dataset = await openClassificationSet(`flowers102:${folder}`);
    const rows = Array.from({ length: 4 }, (_, i) => [dataset.name(i), dataset.classNames[dataset.label(i)!], dataset.column!("split")![i]]);
    expect(rows).toEqual([["jpg/image_00002.jpg", "9", "train"], ["jpg/image_00004.jpg", "77", "val"], ["jpg/image_00001.jpg", "77", "test"], ["jpg/image_00003.jpg", "10", "test"]]);
    expect([dataset.classNames, dataset.metric]).toEqual([["9", "10", "77"], "meanPerClass"]);
  });

  it("refuses numbers of images that have no class, or other variables", async () => {
    const few = await temporaryFolder({ ...images, "imagelabels.mat": matFile(matBytes("labels", 1, 2)), "setid.mat": setid });
    await expect(openClassificationSet(`flowers102:${few}`)).rejects.toThrow(/setid\.mat has image 4, and .*imagelabels\.mat 2 classes/);
    const other = await temporaryFolder({ ...images, "imagelabels.mat": matFile(matBytes("classes", 1, 2)), "setid.mat": setid });
    await expect(openClassificationSet(`flowers102:${other}`)).rejects.toThrow(/imagelabels\.mat has no whole numbers "labels"/);
  });
});

describe("Stanford Cars", () => {
  const names = matPacked(matCells("class_names", matChars("", "AM General Hummer SUV 2000"), matChars("", "Acura RL Sedan 2012")));
  const annotations = (fields: readonly string[], ...values: Buffer[][]) => matPacked(matStructs("annotations", fields, ...values.flat()));
  const rowsOf = async (files: Readonly<Record<string, string | Uint8Array>>) => {
    const dataset = await openClassificationSet(`cars:${await temporaryFolder(files)}`);
    return Array.from({ length: dataset.length }, (_, i) => [dataset.name(i), dataset.classNames[dataset.label(i)!], dataset.column!("split")![i]]);
  };

  it("has a struct for each image, whose class counts from 1", async () => {
    const annotation = (path: string, label: number, test: number) => [matChars("", path), matDoubles("", 30), matBytes("", label), matBytes("", test)];
    const all = annotations(["relative_im_path", "bbox_x1", "class", "test"], annotation("car_ims/000001.jpg", 2, 0), annotation("car_ims/000002.jpg", 1, 1));
    expect(await rowsOf({ "cars_annos.mat": matFile(all, names), "car_ims/000001.jpg": "", "car_ims/000002.jpg": "" })).toEqual([
      ["car_ims/000001.jpg", "Acura RL Sedan 2012", "train"],
      ["car_ims/000002.jpg", "AM General Hummer SUV 2000", "test"],
    ]);
  });

  const side = (label: number) => matFile(annotations(["bbox_x1", "class", "fname"], [matDoubles("", 39), matBytes("", label), matChars("", "00001.jpg")]));
  const kit = { "devkit/cars_meta.mat": matFile(names), "devkit/cars_train_annos.mat": side(1), "cars_train/00001.jpg": "", "cars_test/00001.jpg": "" };

  it("has a file for each side in the development kit, that of the test side perhaps beside it", async () => {
    for (const place of ["", "devkit/"]) {
      expect(await rowsOf({ ...kit, [`${place}cars_test_annos_withlabels.mat`]: side(2) })).toEqual([
        ["cars_train/00001.jpg", "AM General Hummer SUV 2000", "train"],
        ["cars_test/00001.jpg", "Acura RL Sedan 2012", "test"],
      ]);
    }
  });

  it("refuses a class without a name, and files that are missing", async () => {
    await expect(rowsOf({ ...kit, "cars_test_annos_withlabels.mat": side(3) })).rejects.toThrow(/cars_meta\.mat has no name "class_names" of class 3, which cars_test\/00001\.jpg is of/);
    await expect(rowsOf(kit)).rejects.toThrow(/There is no .*devkit\/cars_test_annos_withlabels\.mat/);
  });
});
