import { InputError } from "@dinov2/foundation";
import type { RgbImage } from "../images.ts";
import { ignoredLabel, type LabelMap, type SegmentationDataset } from "./dense-dataset.ts";
import { readPair } from "./read-pair.ts";

export interface SegmentationPair {
  readonly image: RgbImage;
  readonly map: LabelMap;
}

/**
 * One pair of a set, checked: whatever layout it comes from, its map has a class of the set for every pixel of the image, or
 * says that the pixel is ignored.
 * @throws InputError that names the pair
 */
export async function readSegmentationPair(dataset: SegmentationDataset, index: number): Promise<SegmentationPair> {
  const pair = await readPair(dataset, index, "mask");
  const { map } = pair;
  const classes = dataset.classNames.length;
  const wrong = map.labels.findIndex((label) => label >= classes && label !== ignoredLabel);
  if (wrong >= 0) {
    const [x, y] = [wrong % map.width, Math.floor(wrong / map.width)];
    throw new InputError(
      `${dataset.name(index)}: the class at column ${x}, row ${y} is ${map.labels[wrong]}; ` +
        `expected 0 to ${classes - 1}, or ${ignoredLabel} for pixels that do not count.`,
    );
  }
  return pair;
}
