// What linear heads read: each input is a range of columns of one matrix, so that the frozen network runs once for all.

import type { FrozenBackbone } from "./backbone.ts";

/** One input of linear heads. */
export interface LinearInput {
  /** "b4.avg": the class tokens of the last 4 blocks and the mean patch token. */
  readonly name: string;
  /** Its columns: [start, start + width). */
  readonly start: number;
  readonly width: number;
}

export interface LinearInputs {
  /** Gives the matrix that the inputs are columns of as its image features. */
  readonly backbone: FrozenBackbone;
  readonly inputs: readonly LinearInput[];
}

export interface LinearInputOptions {
  /** How many last blocks' class tokens a head reads; those above the network's depth are left out. */
  readonly blocks?: readonly number[];
  /** Whether it also reads the mean patch token of the last block. */
  readonly averagePool?: readonly boolean[];
}

export const OFFICIAL_BLOCKS: readonly number[] = [1, 4];

/** The inputs of a backbone for every choice of blocks and pooling; one without blocks has its image features only. */
export function linearInputs(backbone: FrozenBackbone, options: LinearInputOptions = {}): LinearInputs {
  const { width, blocks } = backbone;
  if (blocks === undefined) return { backbone, inputs: [{ name: "image", start: 0, width }] };
  const count = mostBlocks(blocks.depth, options);
  return {
    backbone: { ...backbone, width: (count + 1) * width, blockCount: count, imageFeatures: (images) => blocks.features(images, count) },
    inputs: blockInputs(width, blocks.depth, options),
  };
}

/** The inputs of a network of this width and depth, as columns of `blockFeatures` of the most blocks that one reads. */
export function blockInputs(width: number, depth: number, options: LinearInputOptions = {}): LinearInput[] {
  const most = mostBlocks(depth, options);
  return possibleBlocks(depth, options).flatMap((count) =>
    (options.averagePool ?? [false, true]).map((average) => ({
      name: `b${count}${average ? ".avg" : ""}`,
      start: (most - count) * width,
      width: (count + (average ? 1 : 0)) * width,
    })));
}

const mostBlocks = (depth: number, options: LinearInputOptions) => possibleBlocks(depth, options).at(-1)!;

/** Ascending; at least one, which is then the whole depth. */
function possibleBlocks(depth: number, { blocks = OFFICIAL_BLOCKS }: LinearInputOptions): number[] {
  const possible = [...new Set(blocks)].filter((count) => count <= depth).sort((a, b) => a - b);
  return possible.length > 0 ? possible : [depth];
}
