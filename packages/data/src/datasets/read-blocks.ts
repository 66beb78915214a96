import type { FilePart } from "./file-part.ts";

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

/** Parts by number, in the order in which they lie in their files. */
interface Parts {
  readonly length: number;
  part(index: number): FilePart;
}

/** Cuts the parts into blocks of one file and about `bytes` each. */
export function readBlocks(parts: Parts, bytes = blockBytes): ReadBlocks {
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
