// WebDataset shards: tar archives of samples in random order, read where they lie.

import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { InputError } from "@dinov2/foundation";
import { glob } from "tinyglobby";
import { ClassLabels } from "../class-labels.ts";
import type { ImageDataset } from "../dataset.ts";
import { PartList } from "../part-list.ts";
import { readBlocks } from "../read-blocks.ts";
import { mapInOrder } from "./map-in-order.ts";
import { cachedShardIndex } from "./index-cache.ts";

/** Whether the text names tar archives: "a.tar", "a-{000..123}.tar", "*.tar". */
export function looksLikeShards(source: string): boolean {
  return /\.tar$/i.test(source);
}

/**
 * Opens the images in the archives that `pattern` names: one archive, a range "{000..123}" or a glob. Their order is that of
 * the shards' names and of the members. Throws `InputError` for a missing or damaged shard.
 */
export async function openTarShards(pattern: string): Promise<ImageDataset> {
  const files = await shardFiles(pattern);
  const parts = new PartList();
  const labels = new ClassLabels();
  for await (const [file, index] of mapInOrder(files, cachedShardIndex)) {
    const shard = basename(file);
    index.names.forEach((name, i) => {
      const part = { file, offset: index.offsets[i]!, size: index.sizes[i]! };
      parts.add(`${shard}/${name}`, part, labels.number(index.labels[i]!));
    });
  }
  if (parts.length === 0) throw new InputError(`${pattern}: ${files.length} archives hold no image.`);
  return {
    length: parts.length,
    ...labels.settle(parts.names),
    name: (index) => parts.names.path(index),
    label: (index) => parts.names.label(index),
    source: (index) => parts.part(index),
    blocks: readBlocks(parts),
  };
}

/** The archives a pattern names, sorted. A number missing from a range is an error: it would go unnoticed otherwise. */
async function shardFiles(pattern: string): Promise<string[]> {
  const named = expandRanges(pattern);
  const files: string[] = [];
  const missing: string[] = [];
  for (const each of named) {
    const isFile = (await stat(each).catch(() => undefined))?.isFile() ?? false;
    const matches = isFile ? [each] : await glob([each], { onlyFiles: true, expandDirectories: false });
    if (matches.length === 0) missing.push(each);
    files.push(...matches);
  }
  if (files.length === 0) throw new InputError(`${pattern} names no file (looked from ${process.cwd()}).`);
  if (missing.length > 0) {
    throw new InputError(`${pattern}: ${missing.length} of ${named.length} archives are missing, for example ${missing[0]!}.`);
  }
  return [...new Set(files)].sort();
}

const mostShards = 1_000_000;

/** "a-{08..10}.tar" as "a-08.tar", "a-09.tar", "a-10.tar": as a shell does it, zeros in front included. */
export function expandRanges(pattern: string): string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(pattern);
  if (range === null) return [pattern];
  const [whole, first = "", last = ""] = range;
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > mostShards) throw new InputError(`${pattern}: expected a range from a smaller number to a larger one.`);
  const width = first.startsWith("0") || last.startsWith("0") ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(width, "0")).flatMap((number) =>
    expandRanges(pattern.replace(whole, number)),
  );
}
