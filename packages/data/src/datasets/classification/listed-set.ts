// Sets whose lists have a line for each image that says its class too.

import { join } from "node:path";
import type { ImageDataset } from "../dataset.ts";
import { listedImages, readList, type ListedImage, type Side } from "./classification-dataset.ts";

export interface ListedSet {
  /** The list of each side. */
  readonly lists: Readonly<Partial<Record<Side, string>>>;
  /** A line of a list; its group `label` is the class. */
  readonly line: RegExp;
  readonly example: string;
  /** The image's path, in the words of `String.replace`: "$&" is the line. */
  readonly image: string;
}

export const food101: ListedSet = {
  lists: { train: "meta/train.txt", test: "meta/test.txt" },
  line: /^(?<label>[^/]+)\/[^/]+$/,
  example: "apple_pie/1005649",
  image: "images/$&.jpg",
};

/** The first of ten divisions, as is usual. */
export const sun397: ListedSet = {
  lists: { train: "Partitions/Training_01.txt", test: "Partitions/Testing_01.txt" },
  line: /^(?<label>\/\w\/.+)\/[^/]+$/,
  example: "/a/abbey/sun_aaalbzqrimafwbiv.jpg",
  image: "SUN397$&",
};

/** Of the three names of an aircraft the finest, its variant. */
export const aircraft: ListedSet = {
  lists: { train: "data/images_variant_train.txt", val: "data/images_variant_val.txt", test: "data/images_variant_test.txt" },
  line: /^(?<id>\d+) (?<label>.+)$/,
  example: "1025794 707-320",
  image: "data/images/$<id>.jpg",
};

/** The first of ten divisions, as is usual. */
export const dtd: ListedSet = {
  lists: { train: "labels/train1.txt", val: "labels/val1.txt", test: "labels/test1.txt" },
  line: /^(?<label>[^/]+)\/[^/]+$/,
  example: "banded/banded_0002.jpg",
  image: "images/$&",
};

export const pets: ListedSet = {
  lists: { train: "annotations/trainval.txt", test: "annotations/test.txt" },
  line: /^(?<name>(?<label>.+)_\d+)( \d+){3}$/,
  example: "Abyssinian_100 1 1 1",
  image: "images/$<name>.jpg",
};

export async function openListedSet(folder: string, { lists, line, example, image }: ListedSet): Promise<ImageDataset & { readonly classNames: readonly string[] }> {
  const images: ListedImage[] = [];
  for (const [split, list] of Object.entries(lists) as [Side, string][]) {
    for (const match of await readList(join(folder, list), line, example)) {
      images.push({ path: match[0].replace(line, image), label: match.groups!["label"]!, split });
    }
  }
  return listedImages(folder, join(folder, Object.values(lists)[0]!), images);
}
