// From the name of a source to images with depths. A layout is a row below.

import { InputError } from "@dinov2/foundation";
import type { DepthDataset } from "./dense-dataset.ts";
import { type DepthListLayout, openDepthList } from "./depth-list.ts";
import { openNyuMat } from "./nyu-mat.ts";

type Split = "train" | "val";

const millimetres = { unitsPerMetre: 1000, range: [0.001, 10] } as const;

/** Rows and columns that NYU Depth v2 is scored on, as Eigen et al. (arXiv 1406.2283) cut them. */
const eigenCrop = [45, 471, 41, 601] as const;

/**
 * KITTI in Eigen's split: 256 units a metre, the lower middle of each frame, whose sizes differ, scored in Garg et al.'s part of it
 * (arXiv 1603.04992): rows from 0.408 to 0.992 of the height, columns from 0.036 to 0.964 of the width.
 */
const kitti = {
  unitsPerMetre: 256,
  range: [0.001, 80],
  folders: { image: "input", depths: "gt_depth" },
  bottomCentre: [352, 1216],
  scoredCrop: [143, 349, 43, 1172],
} as const;

const layouts: Readonly<Record<string, Readonly<Record<Split, DepthListLayout>>>> = {
  nyu: {
    train: { ...millimetres, lists: ["nyu_train.txt"], scoredCrop: eigenCrop },
    val: { ...millimetres, lists: ["nyu_test.txt"], scoredCrop: eigenCrop },
  },
  kitti: {
    train: { ...kitti, lists: ["kitti_eigen_train.txt"] },
    val: { ...kitti, lists: ["kitti_eigen_test.txt"] },
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
 * Images with depths of one side: `nyu:DIR`, `nyu:FILE.mat`, `kitti:DIR`, `sun:DIR`, or a folder with train.txt and test.txt of pairs whose depths are
 * PNGs of 16 bits in millimetres.
 * @throws InputError for a layout that is unknown or not there
 */
export async function openDepthDataset(source: string, split: Split): Promise<DepthDataset> {
  const prefix = /^([a-z0-9]{2,}):/.exec(source)?.[1];
  const layout = layouts[prefix ?? "folder"];
  if (!layout) {
    const known = Object.keys(layouts).filter((name) => name !== "folder").map((name) => `${name}:DIR`);
    throw new InputError(`"${source}" has an unknown layout; expected ${known.join(", ")}, or a folder with train.txt and test.txt.`);
  }
  const path = prefix ? source.slice(prefix.length + 1) : source;
  if (prefix === "nyu" && path.endsWith(".mat")) return openNyuMat(path, split, { range: layout[split].range, scoredCrop: eigenCrop });
  return openDepthList(path, layout[split]);
}
