// Where well-known sets keep images and masks, and what the numbers in their masks mean.

import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { exists, InputError } from "@dinov2/foundation";
import { vocClassNames } from "../datasets/classification/voc2007.ts";
import { hasImageExtension } from "../images.ts";
import { ignoredLabel } from "./dense-dataset.ts";
import { readLabelPng } from "./label-png.ts";

export type Split = "train" | "val";

export interface SegmentationFiles {
  /** Paths from the source's folder. */
  readonly pairs: readonly { readonly image: string; readonly mask: string }[];
  readonly classNames: readonly string[];
  /** The label of each number in a mask, 256 of them; the numbers themselves when missing. */
  readonly labelOf?: Uint8Array;
}

/** ADEChallengeData2016: 0 is "other" and ignored, class c of objectInfo150.txt (from 1) is label c − 1. */
export async function ade20k(folder: string, split: Split): Promise<SegmentationFiles> {
  const side = split === "train" ? "training" : "validation";
  const table = await readFile(join(folder, "objectInfo150.txt"), "utf8").catch(() => undefined);
  // Columns: Idx, Ratio, Train, Val, Name; a name is a list of synonyms.
  const names = table?.trim().split("\n").slice(1).map((line) => line.split("\t").at(-1)!.split(",")[0]!.trim());
  if (names && names.length !== 150) {
    throw new InputError(`${join(folder, "objectInfo150.txt")} names ${names.length} classes; expected a heading and 150 lines, so take the original file.`);
  }
  const classNames = names ?? Array.from({ length: 150 }, (_, i) => `class ${i + 1}`);
  const labelOf = Uint8Array.from({ length: 256 }, (_, id) => (id === 0 || id === 255 ? ignoredLabel : id - 1));
  return { pairs: await foldersOf(folder, `images/${side}`, `annotations/${side}`), classNames, labelOf };
}

/** Pascal VOC 2012: list files, palette masks with 255 along the outlines. The augmented training list where it is there. */
export async function voc(folder: string, split: Split): Promise<SegmentationFiles> {
  const inner = (await exists(join(folder, "VOC2012"))) ? "VOC2012/" : "";
  const augmented = split === "train" && (await exists(join(folder, inner, "SegmentationClassAug")));
  const list = `${inner}ImageSets/Segmentation/${augmented ? "trainaug" : split}.txt`;
  const masks = `${inner}${augmented ? "SegmentationClassAug" : "SegmentationClass"}`;
  const text = await readFile(join(folder, list), "utf8").catch(() => undefined);
  if (text === undefined) throw new InputError(`${folder} has no ${list}; expected VOCdevkit or VOC2012 as the archive unpacks.`);
  const pairs = text.split(/\s+/).filter(Boolean).map((id) => ({ image: `${inner}JPEGImages/${id}.jpg`, mask: `${masks}/${id}.png` }));
  return { pairs, classNames: ["background", ...vocClassNames] };
}

const cityscapesClasses =
  "road,sidewalk,building,wall,fence,pole,traffic light,traffic sign,vegetation,terrain,sky,person,rider,car,truck,bus,train,motorcycle,bicycle";

/** The ids of the 19 scored classes, in order: those with a train id in labels.py of cityscapesScripts. */
const cityscapesIds = [7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33];

/** Cityscapes: masks of train ids where they were made, else the label ids that are downloaded. */
export async function cityscapes(folder: string, split: Split): Promise<SegmentationFiles> {
  const ending = "_leftImg8bit.png";
  const images = (await filesUnder(folder, `leftImg8bit/${split}`)).filter((path) => path.endsWith(ending));
  const maskOf = (image: string, kind: string) => `gtFine/${split}/${image.slice(`leftImg8bit/${split}/`.length, -ending.length)}_gtFine_${kind}.png`;
  const prepared = images.length > 0 && (await exists(join(folder, maskOf(images[0]!, "labelTrainIds"))));
  const labelOf = new Uint8Array(256).fill(ignoredLabel);
  cityscapesIds.forEach((id, label) => (labelOf[id] = label));
  return {
    pairs: images.map((image) => ({ image, mask: maskOf(image, prepared ? "labelTrainIds" : "labelIds") })),
    classNames: cityscapesClasses.split(","),
    ...(prepared ? {} : { labelOf }),
  };
}

/** images/{train,val} and annotations/{train,val}, where names are equal but for the ending; a class a line in classes.txt. */
export async function plainFolder(folder: string, split: Split): Promise<SegmentationFiles> {
  const pairsOf = async (side: Split) => {
    const long = side === "train" ? "training" : "validation";
    const name = (await exists(join(folder, "images", side))) ? side : long;
    return foldersOf(folder, `images/${name}`, `annotations/${name}`);
  };
  const listed = await readFile(join(folder, "classes.txt"), "utf8").catch(() => undefined);
  const classNames = listed?.split("\n").map((line) => line.trim()).filter(Boolean) ?? (await numbersUsed(folder, await pairsOf("train")));
  return { pairs: await pairsOf(split), classNames };
}

/** Classes without names: as many as the largest number in the masks to learn from says. */
async function numbersUsed(folder: string, pairs: SegmentationFiles["pairs"]): Promise<string[]> {
  let count = 0;
  for (const { mask } of pairs) {
    const { labels } = await readLabelPng(join(folder, mask));
    count = labels.reduce((most, label) => (label === ignoredLabel ? most : Math.max(most, label + 1)), count);
  }
  return Array.from({ length: count }, (_, i) => `class ${i}`);
}

/** Images of a folder and the PNGs of the same name in another. */
async function foldersOf(folder: string, images: string, masks: string): Promise<SegmentationFiles["pairs"]> {
  const files = (await filesUnder(folder, images)).filter(hasImageExtension);
  return files.map((image) => ({ image, mask: `${masks}/${image.slice(images.length + 1).replace(/\.[^.]*$/, "")}.png` }));
}

/** Paths of what is in a folder, at any depth, from the source's folder. */
async function filesUnder(folder: string, inner: string): Promise<string[]> {
  const paths = await readdir(join(folder, inner), { recursive: true }).catch(() => {
    throw new InputError(`${folder} has no folder ${inner}; expected the images of ${basename(inner)} there.`);
  });
  return paths.map((path) => `${inner}/${path.replaceAll("\\", "/")}`).sort();
}
