// From the name of a set and its folder to its images. A new set is one row here.

import { InputError, isFolder } from "@dinov2/foundation";
import { openImageFolder } from "../image-folder.ts";
import { cifar10, cifar100, openCifar } from "./cifar.ts";
import { type ClassificationDataset, unpacked } from "./classification-dataset.ts";
import { aircraft, dtd, food101, type ListedSet, openListedSet, pets, sun397 } from "./listed-set.ts";
import { cars, cub200, flowers102 } from "./numbered-sets.ts";
import { openVoc2007 } from "./voc2007.ts";

interface ClassificationSet extends Pick<ClassificationDataset, "metric" | "trainPerClass"> {
  /** What its archive unpacks to: the source may be this folder, or the one that it is in. */
  readonly folder: string;
  open(folder: string): Promise<Omit<ClassificationDataset, "metric">>;
}

const listed = (set: ListedSet) => (folder: string) => openListedSet(folder, set);

/** Metrics: Kornblith et al. (arXiv 1805.08974, Table 1), whom the paper follows. */
const sets: Readonly<Record<string, ClassificationSet>> = {
  food101: { folder: "food-101", metric: "top1", open: listed(food101) },
  cifar10: { folder: "cifar-10-batches-bin", metric: "top1", open: (folder) => openCifar(folder, cifar10) },
  cifar100: { folder: "cifar-100-binary", metric: "top1", open: (folder) => openCifar(folder, cifar100) },
  sun397: { folder: ".", metric: "top1", open: listed(sun397) },
  cars: { folder: ".", metric: "top1", open: cars },
  aircraft: { folder: "fgvc-aircraft-2013b", metric: "meanPerClass", open: listed(aircraft) },
  voc2007: { folder: "VOC2007", metric: "mAP", open: openVoc2007 },
  dtd: { folder: "dtd", metric: "top1", open: listed(dtd) },
  pets: { folder: ".", metric: "meanPerClass", open: listed(pets) },
  caltech101: { folder: "101_ObjectCategories", metric: "meanPerClass", trainPerClass: 30, open: caltech101 },
  flowers102: { folder: ".", metric: "meanPerClass", open: flowers102 },
  cub200: { folder: "CUB_200_2011", metric: "top1", open: cub200 },
};

const grammar = new RegExp(`^(${Object.keys(sets).join("|")}):(.+)$`, "s");

/** "food101:DIR, cifar10:DIR, …" */
export const classificationSetForms = Object.keys(sets).map((name) => `${name}:DIR`).join(", ");

export const looksLikeClassificationSet = (source: string): boolean => grammar.test(source);

/**
 * `food101:DIR` and so on, as they are handed out (`docs/datasets.md`).
 * @throws InputError when a file is missing or is another
 */
export async function openClassificationSet(source: string): Promise<ClassificationDataset> {
  const [, name, folder] = grammar.exec(source)!;
  const { folder: inner, open, metric, trainPerClass } = sets[name!]!;
  const dataset = await open(await unpacked(folder!, inner));
  return { ...dataset, metric, ...(trainPerClass !== undefined && { trainPerClass }) };
}

/** All 102 folders, that of backgrounds included, as is usual. */
async function caltech101(folder: string): Promise<Omit<ClassificationDataset, "metric">> {
  const images = (await isFolder(folder)) ? await openImageFolder(folder) : undefined;
  if (images?.classNames === undefined) throw new InputError(`${folder} has no folders of classes; expected 101_ObjectCategories/CLASS/image_0001.jpg as the archive unpacks.`);
  return { ...images, classNames: images.classNames };
}
