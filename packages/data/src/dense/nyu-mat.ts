// NYU Depth v2 as its authors give it: 1,449 labelled pairs in one file of MATLAB 7.3, and the split of 795 and 654 in another. MATLAB
// stores arrays columns first, so that every axis comes turned around. Legend: N pairs, W × H pixels.

import { readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { exists, InputError } from "@dinov2/foundation";
import { readMatFile } from "../mat/mat-file.ts";
import type { RgbImage } from "../images.ts";
import type { DepthDataset } from "./dense-dataset.ts";
import { openHdf5 } from "./hdf5-file.ts";

/** What the white frame of a picture covers, in pixels from its edges; published test images are black there. */
const frame = { top: 7, bottom: 6, left: 7, right: 8 };

/**
 * The pairs of one side, one of which is in memory at a time. Depths are `rawDepths`, as measured: 0 where nothing was, and not the
 * `depths` that were filled in.
 *
 * Source: `utils/extract_official_train_test_set_from_mat.py` of BTS (arXiv 1907.10326), which made the test images that the usual lists name.
 * @throws InputError when the file or its split cannot be read, or do not fit each other
 */
export async function openNyuMat(
  path: string,
  side: "train" | "val",
  scoring: Pick<DepthDataset, "range" | "scoredCrop">,
): Promise<DepthDataset> {
  await requireFile(path);
  const { images, rawDepths } = await openHdf5(path, ["images", "rawDepths"]);
  const [count, channels, width, height] = images.shape as [number, number, number, number]; // [N, 3, W, H]
  if (images.shape.length !== 4 || channels !== 3 || rawDepths.shape.join() !== [count, width, height].join()) {
    throw new InputError(
      `${path} has images [${images.shape.join(", ")}] and rawDepths [${rawDepths.shape.join(", ")}]; ` +
        "expected [N, 3, W, H] and [N, W, H], so take the original file.",
    );
  }
  const numbers = (await readSplit(path, count))[side];
  return {
    ...scoring,
    length: numbers.length,
    name: (index) => `${basename(path)}/${String(numbers[index]).padStart(4, "0")}`,
    readImage: async (index) => blackFramed({ width, height, data: rowsFirst(images.read(numbers[index]! - 1), width, height, 3) as Uint8Array }),
    readMap: async (index) => ({ width, height, depths: rowsFirst(rawDepths.read(numbers[index]! - 1), width, height, 1) as Float32Array }),
  };
}

/** [channels, W, H] to [H, W, channels]. */
function rowsFirst(values: Uint8Array | Float32Array, width: number, height: number, channels: number): Uint8Array | Float32Array {
  const turned = values.slice();
  for (let channel = 0, at = 0; channel < channels; channel++) {
    for (let x = 0; x < width; x++) {
      for (let y = 0; y < height; y++, at++) turned[(y * width + x) * channels + channel] = values[at]!;
    }
  }
  return turned;
}

function blackFramed(image: RgbImage): RgbImage {
  const { width, height, data } = image;
  for (let y = 0; y < height; y++) {
    const [start, end] = [3 * y * width, 3 * (y + 1) * width];
    if (y < frame.top || y >= height - frame.bottom) data.fill(0, start, end);
    data.fill(0, start, start + 3 * frame.left).fill(0, end - 3 * frame.right, end);
  }
  return image;
}

/** Numbers of the pairs of each side, from 1: those of splits.mat, or those of test_numbers.txt and all others. */
async function readSplit(path: string, count: number): Promise<Record<"train" | "val", number[]>> {
  const [official, list] = [join(dirname(path), "splits.mat"), join(dirname(path), "test_numbers.txt")];
  const text = await readFile(list, "utf8").catch(() => undefined);
  if (text === undefined && !(await exists(official))) {
    throw new InputError(`${dirname(path)} has no splits.mat beside ${basename(path)}; put the official split there, or test_numbers.txt with the numbers of the test pairs, from 1.`);
  }
  const sides = text === undefined ? await officialSides(official) : listedSides(text, count);
  const origin = text === undefined ? official : list;
  const seen = new Set<number>();
  for (const number of [...sides.train, ...sides.val]) {
    if (!Number.isInteger(number) || number < 1 || number > count) throw new InputError(`${origin} names pair ${number}; ${basename(path)} has pairs 1 to ${count}.`);
    if (seen.has(number)) throw new InputError(`${origin} names pair ${number} twice; expected each pair on one side.`);
    seen.add(number);
  }
  for (const [side, numbers] of Object.entries(sides)) {
    if (numbers.length === 0) throw new InputError(`${origin} leaves no pair to ${side === "train" ? "learn from" : "test on"}.`);
  }
  return sides;
}

async function officialSides(file: string): Promise<Record<"train" | "val", number[]>> {
  const variables = await readMatFile(file);
  const numbers = (name: string) => {
    const value = variables.get(name);
    if (value instanceof Float64Array) return [...value];
    throw new InputError(`${file} has no numbers ${name}; expected trainNdxs and testNdxs, so take the original file.`);
  };
  return { train: numbers("trainNdxs"), val: numbers("testNdxs") };
}

function listedSides(text: string, count: number): Record<"train" | "val", number[]> {
  const val = text.split(/\s+/).filter(Boolean).map(Number);
  const tested = new Set(val);
  return { train: Array.from({ length: count }, (_, i) => i + 1).filter((number) => !tested.has(number)), val };
}

async function requireFile(path: string): Promise<void> {
  if (!(await exists(path))) throw new InputError(`There is no ${path}; expected nyu_depth_v2_labeled.mat as it is downloaded.`);
}
