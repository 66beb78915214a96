// Test sets for classifiers of ImageNet-1k: other labels of its validation images, and other images of its classes.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError, isFolder } from "@dinov2/foundation";
import { unpacked } from "../classification/classification-dataset.ts";
import type { ImageDataset } from "../dataset.ts";
import { openImageFolder } from "../image-folder.ts";
import type { TestDataset } from "../test-dataset.ts";
import { openImageNet } from "./imagenet.ts";
import { validationNumber } from "./validation-labels.ts";

const grammar = /^imagenet-(real|v2|a|r|sketch):(.+)$/;
const classNumbers = Array.from({ length: 1000 }, (_, k) => String(k));

export const looksLikeImageNetTest = (source: string): boolean => grammar.test(source);

/**
 * `imagenet-real:DIR`, `imagenet-v2:DIR`, `imagenet-a:DIR`, `imagenet-r:DIR` or `imagenet-sketch:DIR`, as they are handed out.
 * @throws InputError when classes are missing or others are there, or the labels do not fit the images
 */
export async function openImageNetTest(source: string): Promise<TestDataset> {
  const [, name, folder] = grammar.exec(source)!;
  switch (name as "real" | "v2" | "a" | "r" | "sketch") {
    case "real": return openReassessed(folder!);
    case "v2": return openNumbered(folder!);
    case "a":
    case "r": return { ...(await openWnids(folder!, 200)), ownClassesOnly: true };
    case "sketch": return openWnids(await unpacked(folder!, "sketch"), 1000);
  }
}

/**
 * ImageNet-ReaL: real.json beside the validation images is a list for each of them, by number, of its right classes.
 *
 * Source: "Are we done with ImageNet?" (arXiv 2006.07159).
 */
async function openReassessed(folder: string): Promise<TestDataset> {
  const images = await openImageNet(`imagenet:${folder}:split=val`);
  const file = join(folder, "real.json");
  const lists = await readLists(file);
  const rightClasses = Array.from({ length: images.length }, (_, i) => {
    const number = validationNumber(images.name(i));
    if (number === undefined) throw new InputError(`${images.name(i)} in ${folder} is not named ILSVRC2012_val_XXXXXXXX, so ${file} does not say what it is.`);
    const list = lists[number - 1];
    if (!list) throw new InputError(`${file} has ${lists.length} lists, and none for ${images.name(i)}; expected the original file, of 50000.`);
    return list;
  });
  return {
    ...{ length: images.length, classNames: classNumbers, numbered: true },
    name: (i) => images.name(i),
    source: (i) => images.source(i),
    label: (i) => rightClasses[i]![0],
    rightClasses: (i) => rightClasses[i]!,
  };
}

async function readLists(file: string): Promise<number[][]> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) throw new InputError(`There is no ${file}; expected ImageNet-ReaL's labels beside the folder val of ImageNet's validation images.`);
  const lists = parsed(text, file);
  const isClass = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 1000;
  const areLists = Array.isArray(lists) && lists.every((list) => Array.isArray(list) && list.every(isClass));
  if (!areLists) throw new InputError(`${file} is something else; expected a list, for each validation image, of classes 0 to 999.`);
  return lists as number[][];
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new InputError(`${file} is not JSON: ${(error as Error).message}.`);
  }
}

/** ImageNet-V2: a folder's name is the number of a class, from 0. */
async function openNumbered(folder: string): Promise<TestDataset> {
  const images = await openFolders(folder);
  const unknown = images.classNames.find((name) => !classNumbers.includes(name));
  const missing = classNumbers.find((name) => !images.classNames.includes(name));
  if (unknown !== undefined) throw new InputError(`${folder} has a folder ${unknown}; expected folders 0 to 999, which are numbers of classes.`);
  if (missing !== undefined) throw new InputError(`${folder} has no images in a folder ${missing}; expected all of 0 to 999.`);
  // A folder's place is that of its name as a text: 0, 1, 10, 100.
  return { ...images, classNames: classNumbers, numbered: true, label: (i) => Number(images.classNames[images.label(i)!]) };
}

/** A folder for each of `count` classes, named by its wnid. */
async function openWnids(folder: string, count: number): Promise<TestDataset> {
  const images = await openFolders(folder);
  const { classNames } = images;
  const other = classNames.find((name) => !/^n\d{8}$/.test(name));
  if (other !== undefined) throw new InputError(`${folder} has a folder ${other}; expected ${count} folders nXXXXXXXX of classes.`);
  if (classNames.length !== count) throw new InputError(`${folder} has ${classNames.length} folders of classes; expected ${count}, as the archive unpacks.`);
  return images;
}

async function openFolders(folder: string): Promise<ImageDataset & { readonly classNames: readonly string[] }> {
  if (!(await isFolder(folder))) throw new InputError(`There is no folder ${folder}; expected one with a folder of images for each class.`);
  const images = await openImageFolder(folder);
  return { ...images, classNames: images.classNames ?? [] };
}
