import { InputError } from "@dinov2/foundation";
import type { RgbImage } from "../images.ts";
import { ignoredLabel, type LabelMap, type SegmentationDataset } from "./dense-dataset.ts";

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
  const [image, map] = await Promise.all([dataset.readImage(index), dataset.readMap(index)]);
  const name = dataset.name(index);
  if (image.width !== map.width || image.height !== map.height) {
    throw new InputError(
      `${name}: the mask is ${map.width} × ${map.height} pixels and its image ${image.width} × ${image.height}; ` +
        "expected equal sizes, so resize one of them.",
    );
  }
  const classes = dataset.classNames.length;
  const wrong = map.labels.findIndex((label) => label >= classes && label !== ignoredLabel);
  if (wrong >= 0) {
    const [x, y] = [wrong % map.width, Math.floor(wrong / map.width)];
    throw new InputError(
      `${name}: the class at column ${x}, row ${y} is ${map.labels[wrong]}; ` +
        `expected 0 to ${classes - 1}, or ${ignoredLabel} for pixels that do not count.`,
    );
  }
  return { image, map };
}
