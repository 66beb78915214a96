import type { FilePart } from "./image-source.ts";
import type { PartList } from "./part-list.ts";

/** Consecutive images that lie one after another in one file: what a disk or a network gives in one go. */
export interface ReadBlocks {
  readonly count: number;
  /** Index of the first image of `block`; of block `count`, the number of images. */
  start(block: number): number;
  /** Where the images of `block` lie, with what is between them. */
  part(block: number): FilePart;
}

/** Long enough that finding its start takes less time than reading it, on a disk as on a network. */
const blockBytes = 8 << 20;

/** Cuts the parts, which lie in the order of their files, into blocks of one file and about `bytes` each. */
export function readBlocks(parts: PartList, bytes = blockBytes): ReadBlocks {
  const starts: number[] = [];
  let first = parts.part(0);
  for (let index = 0; index < parts.length; index++) {
    const { file, offset, size } = parts.part(index);
    const fits = index > 0 && file === first.file && offset >= first.offset && offset + size - first.offset <= bytes;
    if (fits) continue;
    starts.push(index);
    first = parts.part(index);
  }
  const table = Int32Array.from([...starts, parts.length]);
  return {
    count: starts.length,
    start: (block) => table[block]!,
    part(block) {
      const { file, offset } = parts.part(table[block]!);
      const last = parts.part(table[block + 1]! - 1);
      return { file, offset, size: last.offset + last.size - offset };
    },
  };
}
