// From the name of a source to images with masks of classes. A layout is a row below.

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { decodeImage } from "../decode.ts";
import type { LabelMap, SegmentationDataset } from "./dense-dataset.ts";
import { readLabelPng } from "./label-png.ts";
import { ade20k, cityscapes, plainFolder, type SegmentationFiles, type Split, voc } from "./segmentation-layouts.ts";

const layouts: Readonly<Record<string, (folder: string, split: Split) => Promise<SegmentationFiles>>> = { ade20k, voc, cityscapes };

/**
 * Images with masks of one side: `ade20k:DIR`, `voc:DIR`, `cityscapes:DIR`, or a folder with images/{train,val} and
 * annotations/{train,val}.
 * @throws InputError for a layout that is unknown or not there, an empty side, or an image without its mask
 */
export async function openSegmentationDataset(source: string, split: Split): Promise<SegmentationDataset> {
  const prefix = /^([a-z0-9]{2,}):/.exec(source)?.[1];
  const layout = prefix === undefined ? plainFolder : layouts[prefix];
  if (!layout) {
    const known = Object.keys(layouts).map((name) => `${name}:DIR`).join(", ");
    throw new InputError(`"${source}" has an unknown layout; expected ${known}, or a folder with images and annotations.`);
  }
  const folder = prefix === undefined ? source : source.slice(prefix.length + 1);
  const { pairs, classNames, labelOf } = await layout(folder, split);
  if (pairs.length === 0) throw new InputError(`${source} has no image to ${split === "train" ? "learn from" : "test on"}; its ${split} side is empty.`);
  for (const { image, mask } of pairs) await requirePair(folder, image, mask);
  return {
    length: pairs.length,
    classNames,
    name: (index) => pairs[index]!.image,
    readImage: (index) => decodeImage(join(folder, pairs[index]!.image)),
    readMap: async (index) => relabelled(await readLabelPng(join(folder, pairs[index]!.mask)), labelOf),
  };
}

async function requirePair(folder: string, image: string, mask: string): Promise<void> {
  for (const [file, other] of [[image, mask], [mask, image]] as const) {
    await stat(join(folder, file)).catch(() => {
      throw new InputError(`${join(folder, file)} is not there; expected it beside ${other}, so add it or take the other out.`);
    });
  }
}

function relabelled(map: LabelMap, labelOf: Uint8Array | undefined): LabelMap {
  return labelOf ? { ...map, labels: map.labels.map((id) => labelOf[id]!) } : map;
}
