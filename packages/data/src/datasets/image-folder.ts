// An image folder: with class sub-folders (class = the first-level folder) or without any.

import { readdir, realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { hasImageExtension, imageExtensions } from "../images.ts";
import type { ImageDataset } from "./dataset.ts";
import { PathList } from "./path-list.ts";

interface Listing {
  readonly folders: string[];
  readonly images: string[];
  readonly otherFiles: number;
  /** Whether some of the other files are tar archives. */
  readonly archives: boolean;
}

/**
 * Opens every image below `root`, in the order of their path parts (code units, as Python's `sorted`), so that
 * classes and files are numbered as torchvision's `ImageFolder` numbers them.
 *
 * Images in sub-folders: the first-level folder is the class. Images directly in `root`: no classes. Both at once is an
 * error, because either reading would silently drop or mislabel some of them. Hidden folders and files are not read.
 */
export async function openImageFolder(root: string): Promise<ImageDataset> {
  const top = await list(root);
  const paths = new PathList();
  const classNames: string[] = [];
  let otherFiles = top.otherFiles;
  const ancestors = [await realpath(root)];
  for (const folder of top.folders) {
    const before = paths.length;
    otherFiles += await walk(root, folder, classNames.length, paths, ancestors);
    if (paths.length > before) classNames.push(folder);
  }
  if (top.images.length > 0 && classNames.length > 0) throw mixedLayout(root, top.images, classNames);
  for (const image of top.images) paths.add(image);
  if (paths.length === 0) throw noImages(root, otherFiles, top.archives);
  return {
    length: paths.length,
    ...(classNames.length === 0 ? {} : { classNames }),
    name: (index) => paths.path(index),
    label: (index) => paths.label(index),
    source: (index) => join(root, paths.path(index)),
  };
}

/** Adds the images below `root/folder`; answers how many other files lie there. `ancestors` guards against link cycles. */
async function walk(root: string, folder: string, label: number, paths: PathList, ancestors: string[]): Promise<number> {
  const real = await realpath(join(root, folder));
  if (ancestors.includes(real)) return 0;
  const { folders, images, otherFiles } = await list(join(root, folder));
  for (const image of images) paths.add(`${folder}/${image}`, label);
  let others = otherFiles;
  for (const inner of folders) others += await walk(root, `${folder}/${inner}`, label, paths, [...ancestors, real]);
  return others;
}

/** One folder, sorted. The kind of an entry comes with its name; only a symbolic link costs a `stat`. */
async function list(folder: string): Promise<Listing> {
  const folders: string[] = [];
  const images: string[] = [];
  let otherFiles = 0;
  let archives = false;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name.startsWith(".")) continue;
    const kind = entry.isSymbolicLink() ? await stat(join(folder, entry.name)).catch(() => undefined) : entry;
    if (kind?.isDirectory()) folders.push(entry.name);
    else if (kind?.isFile() && hasImageExtension(entry.name)) images.push(entry.name);
    else otherFiles++;
    archives ||= /\.tar$/i.test(entry.name);
  }
  return { folders: folders.sort(), images: images.sort(), otherFiles, archives };
}

function noImages(root: string, otherFiles: number, archives: boolean): InputError {
  const found = otherFiles === 0 ? "is empty" : `holds ${otherFiles} files but no image`;
  const hint = archives ? ` For tar shards name ${join(root, "*.tar")}, for an archive per class imagenet22k:${root}.` : "";
  return new InputError(`Folder ${root} ${found}; expected files that end in ${imageExtensions.join(", ")}.${hint}`);
}

function mixedLayout(root: string, images: readonly string[], classNames: readonly string[]): InputError {
  return new InputError(
    `Folder ${root} holds ${images.length} images directly (${images[0]!}) and ${classNames.length} sub-folders with images ` +
      `(${classNames[0]!}): move the images into class folders, or name the glob "${join(root, "**", "*")}" ` +
      `to read all of ${basename(root)} without classes.`,
  );
}
