// Block masks for masked image modelling (iBOT): which patches of a global crop the student does not see.
// Facts from `dinov2/data/masking.py` and arXiv 2304.07193 section 4; the exact count is dinov3's (`dinov3/data/masking.py`).

import type { RandomStream } from "@dinov2/foundation";
import { roundHalfEven, type Rectangle } from "./augment/random-resized-crop.ts";

/** Options of a block mask over a grid of `height` x `width` patches. */
export interface BlockMaskOptions {
  readonly height: number;
  readonly width: number;
  /** Smallest and largest area of one block, in patches. `maxBlockPatches` may be fractional. */
  readonly minBlockPatches?: number;
  readonly maxBlockPatches: number;
  /** Height over width of a block, log-uniform. */
  readonly aspectRatio?: readonly [number, number];
  /** Reaches the target exactly by masking single patches at random after the blocks; default false. */
  readonly exactCount?: boolean;
}

/** A mask and how it came about. */
export interface BlockMask {
  /** height · width values, 1 = masked. */
  readonly mask: Uint8Array;
  readonly maskedCount: number;
  /** The rectangles in the order they were placed; they may overlap. */
  readonly blocks: readonly Rectangle[];
}

const triesPerBlock = 10;

/**
 * The largest block that the reference allows at this image size: half the patches, but written in Python as
 * `0.5 * size // patch * size // patch`, which floors from left to right (98 / 14 gives 21, not 24).
 */
export function maxBlockPatches(imageSize: number, patchSize: number): number {
  return Math.floor((Math.floor((0.5 * imageSize) / patchSize) * imageSize) / patchSize);
}

/**
 * Masks about `target` patches with random rectangles: each of at most the patches still missing, until the target is
 * reached or ten tries in a row place nothing. So some draws stop one or two patches short, unless `exactCount`.
 */
export function generateBlockMask(options: BlockMaskOptions, target: number, random: RandomStream): BlockMask {
  const mask = new Uint8Array(options.height * options.width);
  const blocks: Rectangle[] = [];
  let maskedCount = 0;
  while (maskedCount < target) {
    const block = placeBlock(mask, options, Math.min(target - maskedCount, options.maxBlockPatches), random);
    if (block === undefined) break;
    maskedCount += fill(mask, options.width, block);
    blocks.push(block);
  }
  if (options.exactCount && maskedCount < target) maskedCount += maskSingles(mask, target - maskedCount, random);
  return { mask, maskedCount, blocks };
}

/** A block that would mask 1 to `budget` new patches; undefined when ten tries find none. */
function placeBlock(
  mask: Uint8Array,
  options: BlockMaskOptions,
  budget: number,
  random: RandomStream,
): Rectangle | undefined {
  const { height, width, minBlockPatches = 4, aspectRatio = [0.3, 1 / 0.3] } = options;
  for (let attempt = 0; attempt < triesPerBlock; attempt++) {
    // With a budget below the minimum this draws from the reversed interval, as the reference does.
    const area = random.uniform(minBlockPatches, budget);
    const aspect = Math.exp(random.uniform(Math.log(aspectRatio[0]), Math.log(aspectRatio[1])));
    const blockHeight = roundHalfEven(Math.sqrt(area * aspect));
    const blockWidth = roundHalfEven(Math.sqrt(area / aspect));
    if (blockWidth >= width || blockHeight >= height) continue;
    const top = random.integer(height - blockHeight + 1);
    const left = random.integer(width - blockWidth + 1);
    const block = { top, left, height: blockHeight, width: blockWidth };
    const added = countFree(mask, width, block);
    if (added > 0 && added <= budget) return block;
  }
  return undefined;
}

function countFree(mask: Uint8Array, gridWidth: number, block: Rectangle): number {
  let free = 0;
  for (let y = block.top; y < block.top + block.height; y++) {
    for (let x = block.left; x < block.left + block.width; x++) free += 1 - mask[y * gridWidth + x]!;
  }
  return free;
}

/** Masks the block; answers how many patches that added. */
function fill(mask: Uint8Array, gridWidth: number, block: Rectangle): number {
  const added = countFree(mask, gridWidth, block);
  for (let y = block.top; y < block.top + block.height; y++) {
    mask.fill(1, y * gridWidth + block.left, y * gridWidth + block.left + block.width);
  }
  return added;
}

function maskSingles(mask: Uint8Array, count: number, random: RandomStream): number {
  const free = [...mask.keys()].filter((cell) => mask[cell] === 0);
  const chosen = random.shuffle(free).slice(0, count);
  for (const cell of chosen) mask[cell] = 1;
  return chosen.length;
}
