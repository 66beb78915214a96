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
export function linearInputs(
  backbone: FrozenBackbone,
  { blocks = OFFICIAL_BLOCKS, averagePool = [false, true] }: LinearInputOptions = {},
): LinearInputs {
  const { width, blocks: network } = backbone;
  if (network === undefined) return { backbone, inputs: [{ name: "image", start: 0, width }] };
  const possible = [...new Set(blocks)].filter((count) => count <= network.depth).sort((a, b) => a - b);
  const counts = possible.length > 0 ? possible : [network.depth];
  const most = counts.at(-1)!;
  return {
    backbone: {
      ...backbone,
      width: (most + 1) * width,
      imageFeatures: (images) => network.features(images, most),
    },
    inputs: counts.flatMap((count) => averagePool.map((average) => blockColumns(count, average, most, width))),
  };
}

/** Where the last `count` of `most` blocks are, in the order of `blockFeatures`. */
const blockColumns = (count: number, average: boolean, most: number, width: number): LinearInput => ({
  name: `b${count}${average ? ".avg" : ""}`,
  start: (most - count) * width,
  width: (count + (average ? 1 : 0)) * width,
});
