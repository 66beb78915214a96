// Archives that are classes: a folder with one tar per class, as ImageNet-22k comes, or one tar of such tars.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import type { ImageDataset } from "../dataset.ts";
import { PartList } from "../part-list.ts";
import { mapInOrder } from "../map-in-order.ts";
import { classOf, indexClasses } from "./shard-index.ts";

/** The archives directly in `folder`, sorted. */
export async function archivesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => /\.tar$/i.test(name) && !name.startsWith("."));
  return names.sort().map((name) => join(folder, name));
}

/**
 * Opens every image in `archives`; the (innermost) archive's name is the class. Such archives hold one class from end to
 * end, so they are no blocks to read in order: a stretch of one would be a batch of one class.
 */
export async function openClassArchives(archives: readonly string[]): Promise<ImageDataset> {
  const parts = new PartList();
  const classNames: string[] = [];
  for await (const [, images] of mapInOrder(archives, (archive) => indexClasses(archive, classOf(archive)))) {
    for (const { name, part, className } of images) {
      if (classNames.at(-1) !== className) classNames.push(className);
      parts.add(name, part, classNames.length - 1);
    }
  }
  if (parts.length === 0) throw new InputError(`${archives[0]!}: ${archives.length} archives hold no image.`);
  const sorted = [...new Set(classNames)].sort();
  const position = new Map(sorted.map((name, index) => [name, index]));
  parts.names.relabel(classNames.map((name) => position.get(name)!));
  return {
    length: parts.length,
    classNames: sorted,
    name: (index) => parts.names.path(index),
    label: (index) => parts.names.label(index),
    source: (index) => parts.part(index),
  };
}
