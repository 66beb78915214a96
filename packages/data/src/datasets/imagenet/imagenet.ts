// ImageNet as it is handed out and as people lay it out, without a preparation step: no lists of entries, no labels.txt.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError, isFolder } from "@dinov2/foundation";
import type { ImageDataset } from "../dataset.ts";
import { openImageFolder } from "../image-folder.ts";
import { archivesIn, openClassArchives } from "../tar/class-archives.ts";
import { labelledValidation, readValidationLabels } from "./validation-labels.ts";

const grammar = /^(imagenet|imagenet22k):(.+?)(?::split=(train|val))?$/;

export function looksLikeImageNet(source: string): boolean {
  return /^imagenet(22k)?:/.test(source);
}

/**
 * `imagenet:DIR`: the training images of ImageNet-1k, from `DIR/train` (folders or archives nXXXXXXXX) or from
 * `DIR/ILSVRC2012_img_train.tar` as it was downloaded. `imagenet:DIR:split=val`: the validation images, from `DIR/val` or
 * `DIR/ILSVRC2012_img_val.tar`, with classes when they lie in folders of classes or a file says which they are
 * (`validation-labels.ts`). In Kaggle's layout `DIR/ILSVRC/Data/CLS-LOC` holds both. `imagenet22k:DIR`: an archive per class.
 */
export async function openImageNet(source: string): Promise<ImageDataset> {
  const [, layout, folder, split = "train"] = grammar.exec(source) ?? [];
  if (folder === undefined || (layout === "imagenet22k" && source.includes(":split="))) {
    throw new InputError(`${source}: expected imagenet:DIR, imagenet:DIR:split=val or imagenet22k:DIR.`);
  }
  if (layout === "imagenet22k") return openArchives(folder, source);
  const images = await openSplit(folder, split, source);
  if (split === "train" || images.classNames !== undefined) return images;
  const labels = await readValidationLabels(folder);
  return labels ? labelledValidation(images, labels) : images;
}

async function openSplit(folder: string, split: string, source: string): Promise<ImageDataset> {
  const kaggle = join(folder, "ILSVRC", "Data", "CLS-LOC", split);
  const images = (await isFolder(kaggle)) ? kaggle : join(folder, split);
  if (await isFolder(images)) {
    const archives = await archivesIn(images);
    return archives.length > 0 ? openClassArchives(archives) : openImageFolder(images);
  }
  const archive = join(folder, `ILSVRC2012_img_${split}.tar`);
  if (await isFile(archive)) return split === "train" ? openClassArchives([archive]) : withoutClasses(await openClassArchives([archive]));
  throw new InputError(`${source}: there is neither ${images} nor ${archive}.`);
}

async function openArchives(folder: string, source: string): Promise<ImageDataset> {
  const archives = (await isFolder(folder)) ? await archivesIn(folder) : [];
  if (archives.length === 0) throw new InputError(`${source}: ${folder} holds no .tar; expected one archive per class.`);
  return openClassArchives(archives);
}

/** The archive of validation images is no class. */
function withoutClasses({ length, name, source }: ImageDataset): ImageDataset {
  return { length, name, source, label: () => undefined };
}

async function isFile(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined))?.isFile() ?? false;
}
