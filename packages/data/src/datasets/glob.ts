import { resolve } from "node:path";
import { InputError } from "@dinov2/foundation";
import { glob } from "tinyglobby";
import { hasImageExtension, imageExtensions } from "../images.ts";
import type { ImageDataset } from "./dataset.ts";
import { PathList } from "./path-list.ts";

/** Whether the text has a character that only a pattern uses. */
export function looksLikeGlob(source: string): boolean {
  return /[*?[\]{}]|[!@+]\(/.test(source);
}

/** Opens the images that match `pattern` (relative to the working folder), sorted by path; they have no classes. */
export async function openGlob(pattern: string): Promise<ImageDataset> {
  const matches = await glob([pattern], { onlyFiles: true, expandDirectories: false });
  if (matches.length === 0) throw new InputError(`Pattern ${pattern} matches no file (looked from ${process.cwd()}).`);
  const paths = new PathList();
  for (const match of matches.filter(hasImageExtension).sort()) paths.add(match);
  if (paths.length === 0) {
    throw new InputError(
      `Pattern ${pattern} matches ${matches.length} files but no image; expected files that end in ${imageExtensions.join(", ")}.`,
    );
  }
  return {
    length: paths.length,
    name: (index) => paths.path(index),
    label: () => undefined,
    source: (index) => resolve(paths.path(index)),
  };
}
