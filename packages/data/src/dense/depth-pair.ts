import { InputError } from "@dinov2/foundation";
import type { RgbImage } from "../images.ts";
import type { DepthDataset, DepthMap } from "./dense-dataset.ts";
import { readPair } from "./read-pair.ts";

export interface DepthPair {
  readonly image: RgbImage;
  readonly map: DepthMap;
}

/**
 * One pair of a set of depths, checked: whatever layout it comes from, its map has a depth for every pixel of the image, each one
 * a number that is not negative, and at least one that was measured.
 * @throws InputError that names the pair
 */
export async function readDepthPair(dataset: DepthDataset, index: number): Promise<DepthPair> {
  const pair = await readPair(dataset, index, "depth map");
  const { map } = pair;
  const fail = (what: string): never => {
    throw new InputError(`${dataset.name(index)}: ${what}`);
  };
  const wrong = map.depths.findIndex((depth) => !(depth >= 0 && depth < Infinity));
  if (wrong >= 0) {
    const [x, y] = [wrong % map.width, Math.floor(wrong / map.width)];
    fail(`the depth at column ${x}, row ${y} is ${map.depths[wrong]}; expected metres, or 0 where nothing was measured.`);
  }
  if (!map.depths.some((depth) => depth > 0)) fail("no depth was measured, all are 0; leave the pair out.");
  return pair;
}
