// From the text a user types to a dataset. A new kind of source is one file beside this one and one row here.

import { stat } from "node:fs/promises";
import type { Stats } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { InputError } from "@dinov2/foundation";
import { hasImageExtension } from "../images.ts";
import { classificationSetForms, looksLikeClassificationSet, openClassificationSet } from "./classification/open-classification-set.ts";
import { openCsvManifest } from "./csv-manifest.ts";
import type { ImageDataset } from "./dataset.ts";
import { looksLikeGlob, openGlob } from "./glob.ts";
import { openImageFolder } from "./image-folder.ts";
import { looksLikeImageNet, openImageNet } from "./imagenet/imagenet.ts";
import { looksLikeImageNetTest, openImageNetTest } from "./imagenet/test-sets.ts";
import { looksLikeParquet, openParquet } from "./parquet/parquet-manifest.ts";
import { looksLikeShards, openTarShards } from "./tar/tar-shards.ts";

interface SourceKind {
  readonly describes: string;
  /** `entry` is what lies at that path, if anything does. */
  matches(source: string, entry: Stats | undefined): boolean;
  open(source: string): Promise<ImageDataset>;
}

const sourceKinds: readonly SourceKind[] = [
  { describes: "an image folder", matches: (_, entry) => entry?.isDirectory() ?? false, open: openImageFolder },
  {
    describes: "a CSV manifest",
    matches: (source, entry) => (entry?.isFile() ?? false) && /\.csv$/i.test(source),
    open: openCsvManifest,
  },
  {
    describes: "one image",
    matches: (source, entry) => (entry?.isFile() ?? false) && hasImageExtension(source),
    open: (source) => Promise.resolve(singleImage(source)),
  },
  {
    describes: "tar shards",
    matches: (source, entry) => looksLikeShards(source) && !(entry?.isDirectory() ?? false),
    open: openTarShards,
  },
  {
    describes: "Parquet files",
    matches: (source, entry) => looksLikeParquet(source) && !(entry?.isDirectory() ?? false),
    open: openParquet,
  },
  { describes: "imagenet:DIR, imagenet22k:DIR", matches: looksLikeImageNet, open: openImageNet },
  { describes: "imagenet-real:DIR, imagenet-v2:DIR, imagenet-a:DIR, imagenet-r:DIR, imagenet-sketch:DIR", matches: looksLikeImageNetTest, open: openImageNetTest },
  { describes: classificationSetForms, matches: looksLikeClassificationSet, open: openClassificationSet },
  { describes: "a glob", matches: (source, entry) => entry === undefined && looksLikeGlob(source), open: openGlob },
];

/**
 * Opens the images that `source` names: a folder (with or without class sub-folders), a glob, a CSV manifest, tar
 * shards, Parquet files, a known layout, or one file.
 * Throws `InputError` when there is nothing to read.
 */
export async function openDataset(source: string): Promise<ImageDataset> {
  const entry = await stat(source).catch(() => undefined);
  const kind = sourceKinds.find((candidate) => candidate.matches(source, entry));
  if (kind !== undefined) return kind.open(source);
  const expected = sourceKinds.map((each) => each.describes).join(", ");
  throw new InputError(
    entry === undefined
      ? `There is no file or folder ${source} (looked at ${resolve(source)}); expected ${expected}.`
      : `File ${source} is none of: ${expected}.`,
  );
}

function singleImage(file: string): ImageDataset {
  const path = resolve(dirname(file), basename(file));
  return { length: 1, name: () => basename(file), label: () => undefined, source: () => path };
}
