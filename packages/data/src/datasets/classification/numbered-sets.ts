// Sets that number their images and say in other files what each number is.

import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import type { ImageDataset } from "../dataset.ts";
import { listedImages, readList, type Side } from "./classification-dataset.ts";
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

/** Stanford Cars: cars_annos.mat has a struct for each image, and the names of classes, which count from 1. */
export async function cars(folder: string): Promise<Labelled> {
  const file = join(folder, "cars_annos.mat");
  const variables = await readMatFile(file);
  const [annotations, names] = [variables.get("annotations"), variables.get("class_names")];
  if (!Array.isArray(annotations) || !Array.isArray(names)) throw new InputError(`${file} has no structs "annotations" and cells "class_names"; take the original file.`);
  const images = (annotations as readonly MatValue[]).map((annotation, i) => {
    const field = (name: string) => (annotation instanceof Map ? (annotation as ReadonlyMap<string, MatValue>).get(name) : undefined);
    const path = field("relative_im_path");
    const [label, isTest] = ["class", "test"].map((name) => numbers(field(name), file, `annotations(${i + 1}).${name}`)[0]);
    const isNamed = typeof names[label! - 1] === "string";
    if (typeof path !== "string" || !isNamed) throw new InputError(`${file}: annotations(${i + 1}) has no path, or a class without a name; take the original file.`);
    return { path, label: String(label), split: isTest === 1 ? ("test" as const) : ("train" as const) };
  });
  return listedImages(folder, file, images, ["", ...(names as string[])]);
}

function numbers(value: MatValue | undefined, file: string, name: string): Float64Array {
  if (value instanceof Float64Array && value.every(Number.isInteger)) return value;
  throw new InputError(`${file} has no whole numbers "${name}"; take the original file.`);
}
