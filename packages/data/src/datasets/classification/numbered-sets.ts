// Sets that number their images and say in other files what each number is.

import { join } from "node:path";
import { exists, InputError } from "@dinov2/foundation";
import type { ImageDataset } from "../dataset.ts";
import { type ListedImage, listedImages, readList, type Side } from "./classification-dataset.ts";
import { type MatValue, readMatFile } from "../../mat/mat-file.ts";

type Labelled = ImageDataset & { readonly classNames: readonly string[] };

/** CUB-200-2011: images.txt, image_class_labels.txt and train_test_split.txt say path, class and side of each number. */
export async function cub200(folder: string): Promise<Labelled> {
  const [from, classes] = [join(folder, "images.txt"), join(folder, "classes.txt")];
  const paths = await readList(from, /^(\d+) (.+)$/, "1 001.Black_footed_Albatross/Black_Footed_Albatross_0046_18.jpg");
  const byNumber = async (name: string, value: RegExp, example: string) =>
    new Map((await readList(join(folder, name), value, example)).map(([, number, word]) => [number!, word!]));
  const names = await byNumber("classes.txt", /^(\d+) (.+)$/, "1 001.Black_footed_Albatross");
  const labels = await byNumber("image_class_labels.txt", /^(\d+) (\d+)$/, "1 1");
  const sides = await byNumber("train_test_split.txt", /^(\d+) ([01])$/, "1 0");
  const images = paths.map(([, number, path]) => {
    const [label, isTrain] = [names.get(labels.get(number!)!), sides.get(number!)];
    if (label === undefined) throw new InputError(`${folder}: image ${number} has no class that ${classes} names; expected one in image_class_labels.txt.`);
    if (isTrain === undefined) throw new InputError(`${folder}: image ${number} has no side; expected one in train_test_split.txt.`);
    return { path: `images/${path}`, label, split: isTrain === "1" ? ("train" as const) : ("test" as const) };
  });
  return listedImages(folder, from, images);
}

/** Oxford Flowers-102: imagelabels.mat has the class of each image, setid.mat the numbers of each side's images. */
export async function flowers102(folder: string): Promise<Labelled> {
  const [from, sets] = [join(folder, "imagelabels.mat"), join(folder, "setid.mat")];
  const labels = numbers((await readMatFile(from)).get("labels"), from, "labels");
  const sides = await readMatFile(sets);
  const images = Object.entries({ train: "trnid", val: "valid", test: "tstid" }).flatMap(([split, name]) =>
    Array.from(numbers(sides.get(name), sets, name), (number) => {
      const label = labels[number - 1];
      if (label === undefined) throw new InputError(`${sets} has image ${number}, and ${from} ${labels.length} classes of images; expected one of each image.`);
      return { path: `jpg/image_${String(number).padStart(5, "0")}.jpg`, label: String(label), split: split as Side };
    }));
  return listedImages(folder, from, images);
}

/**
 * Stanford Cars: a struct for each image, with its class and its path, and the names of classes, which count from 1. Of all images
 * in cars_annos.mat; or of each side's in the development kit's files.
 */
export async function cars(folder: string): Promise<Labelled> {
  const whole = join(folder, "cars_annos.mat");
  const names = join(folder, "devkit/cars_meta.mat");
  const isWhole = await exists(whole);
  const classNames = (await readMatFile(isWhole ? whole : names)).get("class_names");
  const images = isWhole
    ? await annotated(whole, { path: "relative_im_path" })
    : [
        ...(await annotated(join(folder, "devkit/cars_train_annos.mat"), { path: "fname", folder: "cars_train/", split: "train" })),
        ...(await annotated(await testAnnotations(folder), { path: "fname", folder: "cars_test/", split: "test" })),
      ];
  const isName = (name: MatValue | undefined): name is string => typeof name === "string";
  const unnamed = images.find(({ label }) => !Array.isArray(classNames) || !isName((classNames as readonly MatValue[])[Number(label) - 1]));
  if (unnamed) throw new InputError(`${isWhole ? whole : names} has no name "class_names" of class ${unnamed.label}, which ${unnamed.path} is of; take the original file.`);
  return listedImages(folder, isWhole ? whole : join(folder, "devkit"), images, ["", ...(classNames as string[])]);
}

/** It is handed out apart from the development kit, and is often put beside it. */
async function testAnnotations(folder: string): Promise<string> {
  const beside = join(folder, "cars_test_annos_withlabels.mat");
  return (await exists(beside)) ? beside : join(folder, "devkit/cars_test_annos_withlabels.mat");
}

interface AnnotationFields {
  /** The field with the image's path. */
  readonly path: string;
  readonly folder?: string;
  /** Without it a field "test" says so. */
  readonly split?: Side;
}

async function annotated(file: string, { path: pathField, folder = "", split }: AnnotationFields): Promise<ListedImage[]> {
  const annotations = (await readMatFile(file)).get("annotations");
  if (!Array.isArray(annotations)) throw new InputError(`${file} has no structs "annotations"; take the original file.`);
  return (annotations as readonly MatValue[]).map((annotation, i) => {
    const field = (name: string) => (annotation instanceof Map ? (annotation as ReadonlyMap<string, MatValue>).get(name) : undefined);
    const number = (name: string) => numbers(field(name), file, `annotations(${i + 1}).${name}`)[0];
    const path = field(pathField);
    if (typeof path !== "string") throw new InputError(`${file}: annotations(${i + 1}) has no "${pathField}"; take the original file.`);
    return { path: `${folder}${path}`, label: String(number("class")), split: split ?? (number("test") === 1 ? "test" : "train") };
  });
}

function numbers(value: MatValue | undefined, file: string, name: string): Float64Array {
  if (value instanceof Float64Array && value.every(Number.isInteger)) return value;
  throw new InputError(`${file} has no whole numbers "${name}"; take the original file.`);
}
