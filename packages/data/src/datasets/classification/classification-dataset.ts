// The image sets that frozen features are usually classified on, as they are handed out: 12 of them stand in the paper
// (arXiv 2304.07193, Table 8). A set is a row of `open-classification-set.ts`; this is what all of them say.

import { readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError, isFolder } from "@dinov2/foundation";
import type { ImageDataset } from "../dataset.ts";
import { ManifestRows } from "../manifest-rows.ts";

export type Side = "train" | "val" | "test";

/** A labelled set with what its authors say of it. Its column `split` says the side of each image, where it has sides. */
export interface ClassificationDataset extends ImageDataset {
  readonly classNames: readonly string[];
  /** What is reported of it: the share of images, the mean over classes, or the mean over classes of average precision. */
  readonly metric: "top1" | "meanPerClass" | "mAP";
  /** So many random images of each class are trained on, of a set without sides. */
  readonly trainPerClass?: number;
  /** [C] of an image that may show several classes, which then has no label: 1 it shows it, -1 it does not, 0 nobody is asked. */
  targets?(index: number): Int8Array;
}

export interface ListedImage {
  /** From the set's folder. */
  readonly path: string;
  readonly label: string;
  readonly split: Side;
}

/**
 * The images of lists.
 * @param from the file that names them, for a message
 * @param labelNames what labels that are numbers mean, by number
 * @throws InputError for an image that is not there, or named twice
 */
export async function listedImages(folder: string, from: string, images: readonly ListedImage[], labelNames?: readonly string[]): Promise<ImageDataset & { readonly classNames: readonly string[] }> {
  const paths = images.map(({ path }) => path);
  await requireFiles(folder, from, paths);
  const seen = new Set<string>();
  const twice = paths.find((path) => seen.size === seen.add(path).size);
  if (twice !== undefined) throw new InputError(`${twice} is listed twice, beside ${from}; expected each image once, on one side.`);
  const rows = new ManifestRows();
  for (const { path, label, split } of images) rows.add({ path, label, split }, from, folder);
  const dataset = rows.dataset(labelNames);
  return { ...dataset, classNames: dataset.classNames ?? [] };
}

/** Reading each folder once takes a thousandth of asking for each file. */
async function requireFiles(folder: string, from: string, paths: readonly string[]): Promise<void> {
  const present = new Map<string, ReadonlySet<string>>();
  for (const path of paths) {
    const parent = dirname(path);
    if (!present.has(parent)) present.set(parent, new Set(await readdir(join(folder, parent)).catch(() => [])));
    if (!present.get(parent)!.has(basename(path))) throw new InputError(`${join(folder, path)} is not there, which ${from} names; unpack the images there.`);
  }
}

/**
 * The lines of a list, each as the groups of `line`.
 * @param example a line as it should be, for a message
 * @throws InputError when there is no list, none in it, or a line is another
 */
export async function readList(file: string, line: RegExp, example: string): Promise<RegExpExecArray[]> {
  const text = await readFile(file, "utf8").catch(() => {
    throw new InputError(`There is no ${file}; expected a list with lines as "${example}", as the archive has it.`);
  });
  const found = text.split("\n").flatMap((words, i) => {
    if (words.trim() === "") return [];
    const match = line.exec(words.trim());
    if (!match) throw new InputError(`${file}, line ${i + 1}: "${words.trim()}" is none of its lines; expected one as "${example}".`);
    return [match];
  });
  if (found.length === 0) throw new InputError(`${file} is empty; expected lines as "${example}".`);
  return found;
}

/** The folder that an archive unpacks to, in `folder`, or `folder` itself. */
export async function unpacked(folder: string, name: string): Promise<string> {
  const inner = join(folder, name);
  return (await isFolder(inner)) ? inner : folder;
}
