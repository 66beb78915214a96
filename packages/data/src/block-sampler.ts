// Which image comes when, for a set that is best read in order, such as tar shards: whole blocks of consecutive images
// come in random order, and the images of some blocks at a time are mixed. As with any sampler here a position is
// enough to resume, so there is no buffer whose content would have to be kept; see docs/decisions/0013-input.md.

import { InputError, RandomStream } from "@dinov2/foundation";
import type { FilePart } from "./datasets/file-part.ts";
import type { ReadBlocks } from "./datasets/read-blocks.ts";
import { lastAtMost } from "./last-at-most.ts";
import type { Sampler } from "./samplers.ts";

export interface BlockSamplerOptions {
  readonly blocks: ReadBlocks;
  readonly seed: number;
  /** Blocks of up to this many bytes in all are mixed with each other. */
  readonly shuffleBytes: number;
  readonly rank: number;
  readonly worldSize: number;
}

/** One pass: this process' blocks in their order, cut into windows. Window w has the blocks from `firstBlock[w]` on. */
interface Pass {
  readonly order: Int32Array;
  readonly firstBlock: readonly number[];
  /** Position within the pass of each window's first image. */
  readonly firstImage: readonly number[];
}

/** Windows and passes that positions close to each other need: the one before, this one and the next. */
const kept = 3;

/**
 * An endless order: the blocks are dealt out to the processes by the seed; each process goes through its own, in a new order
 * each pass; in each window the images of all its blocks are shuffled. Every pass shows every image of the share once.
 */
export class BlockSampler implements Sampler {
  private readonly share: Int32Array;
  private readonly root: RandomStream;
  private readonly passes = new Map<number, Pass>();
  private readonly windows = new Map<string, Int32Array>();
  readonly passLength: number;

  constructor(private readonly options: BlockSamplerOptions) {
    const { blocks, seed, rank, worldSize } = options;
    if (blocks.count < worldSize) {
      throw new InputError(
        `${blocks.count} blocks of images cannot be shared by ${worldSize} processes; mix the whole set instead (data.shuffleMebibytes 0).`,
      );
    }
    this.root = RandomStream.fromSeed(seed).split("block sampler");
    this.share = this.root.split("deal").permutation(blocks.count).filter((_, i) => i % worldSize === rank);
    this.passLength = this.share.reduce((sum, block) => sum + this.imagesIn(block), 0);
  }

  at(position: number): number {
    const { pass, window, within } = this.locate(position);
    return this.imagesOf(pass, window)[within]!;
  }

  /** Stands in for an image that cannot be read: one of the same window, so that it is not read from far away. */
  substitute(position: number, attempt: number): number {
    const { pass, window } = this.locate(position);
    const images = this.imagesOf(pass, window);
    return images[this.root.split("substitute", this.options.rank, position, attempt).integer(images.length)]!;
  }

  substitutes(position: number): number {
    const { pass, window } = this.locate(position);
    return this.imagesOf(pass, window).length;
  }

  /** What to start reading when `position` is asked for: its share of the next window's blocks. */
  readAhead(position: number): FilePart[] {
    const { pass, window, within } = this.locate(position);
    const images = this.imagesOf(pass, window).length;
    const isLast = window + 1 === this.pass(pass).firstBlock.length;
    const next = this.blocksOf(isLast ? pass + 1 : pass, isLast ? 0 : window + 1);
    const from = Math.ceil((within * next.length) / images);
    const to = Math.ceil(((within + 1) * next.length) / images);
    return Array.from(next.subarray(from, to), (block) => this.options.blocks.part(block));
  }

  private locate(position: number): { pass: number; window: number; within: number } {
    const pass = Math.floor(position / this.passLength);
    const within = position - pass * this.passLength;
    const { firstImage } = this.pass(pass);
    const window = lastAtMost(firstImage, within);
    return { pass, window, within: within - firstImage[window]! };
  }

  private pass(number: number): Pass {
    return remembered(this.passes, number, () => {
      const order = this.root.split("pass", this.options.rank, number).shuffle(this.share.slice());
      const firstBlock: number[] = [];
      const firstImage: number[] = [];
      let [images, bytes] = [0, Infinity];
      order.forEach((block, i) => {
        const { size } = this.options.blocks.part(block);
        if (bytes + size > this.options.shuffleBytes) {
          firstBlock.push(i);
          firstImage.push(images);
          bytes = 0;
        }
        bytes += size;
        images += this.imagesIn(block);
      });
      return { order, firstBlock, firstImage };
    });
  }

  private blocksOf(number: number, window: number): Int32Array {
    const { order, firstBlock } = this.pass(number);
    return order.subarray(firstBlock[window], firstBlock[window + 1] ?? order.length);
  }

  private imagesOf(number: number, window: number): Int32Array {
    return remembered(this.windows, `${number} ${window}`, () => {
      const { blocks, rank } = this.options;
      const blocksHere = [...this.blocksOf(number, window)];
      const images = blocksHere.flatMap((block) => Array.from({ length: this.imagesIn(block) }, (_, i) => blocks.start(block) + i));
      return this.root.split("window", rank, number, window).shuffle(Int32Array.from(images));
    });
  }

  private imagesIn(block: number): number {
    return this.options.blocks.start(block + 1) - this.options.blocks.start(block);
  }
}

/** The value for `key`, made when it is not among the last few. */
function remembered<K, V>(values: Map<K, V>, key: K, make: () => V): V {
  const known = values.get(key);
  if (known !== undefined) return known;
  const value = make();
  values.set(key, value);
  if (values.size > kept) values.delete(values.keys().next().value!);
  return value;
}
