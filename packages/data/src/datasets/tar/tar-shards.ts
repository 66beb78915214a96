// WebDataset shards: tar archives of samples in random order, read where they lie.

import { basename } from "node:path";
import { InputError } from "@dinov2/foundation";
import { ClassLabels } from "../class-labels.ts";
import type { ImageDataset } from "../dataset.ts";
import { namedFiles } from "../named-files.ts";
import { PartList } from "../part-list.ts";
import { readBlocks } from "../read-blocks.ts";
import { mapInOrder } from "../map-in-order.ts";
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
  const files = await namedFiles(pattern);
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
