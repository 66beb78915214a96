// From the name of a source to images with depths. A layout is a row below.

import { InputError } from "@dinov2/foundation";
import type { DepthDataset } from "./dense-dataset.ts";
import { type DepthListLayout, openDepthList } from "./depth-list.ts";

type Split = "train" | "val";

const millimetres = { unitsPerMetre: 1000, range: [0.001, 10] } as const;

/** Rows and columns that NYU Depth v2 is scored on, as Eigen et al. (arXiv 1406.2283) cut them. */
const eigenCrop = [45, 471, 41, 601] as const;

const layouts: Readonly<Record<string, Readonly<Record<Split, DepthListLayout>>>> = {
  nyu: {
    train: { ...millimetres, lists: ["nyu_train.txt"], scoredCrop: eigenCrop },
    val: { ...millimetres, lists: ["nyu_test.txt"], scoredCrop: eigenCrop },
  },
  sun: {
    train: { ...millimetres, rotatedBits: true, lists: ["train.txt"] },
    val: { ...millimetres, rotatedBits: true, lists: ["test.txt", "val.txt"] },
  },
  folder: {
    train: { ...millimetres, lists: ["train.txt"] },
    val: { ...millimetres, lists: ["test.txt", "val.txt"] },
  },
};

/**
 * Images with depths of one side: `nyu:DIR`, `sun:DIR`, or a folder with train.txt and test.txt of pairs whose depths are PNGs of 16 bits in
 * millimetres.
 * @throws InputError for a layout that is unknown or not there
 */
export async function openDepthDataset(source: string, split: Split): Promise<DepthDataset> {
  const prefix = /^([a-z0-9]{2,}):/.exec(source)?.[1];
  const layout = layouts[prefix ?? "folder"];
  if (!layout) {
    const known = Object.keys(layouts).filter((name) => name !== "folder").map((name) => `${name}:DIR`);
    throw new InputError(`"${source}" has an unknown layout; expected ${known.join(", ")}, or a folder with train.txt and test.txt.`);
  }
  return openDepthList(prefix ? source.slice(prefix.length + 1) : source, layout[split]);
}
