// Pairs of images and depths by a list file: a line is `IMAGE DEPTH` or `IMAGE DEPTH FOCAL`, paths under the folder of the list.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import sharp from "sharp";
import { decodeImage, DecodeError } from "../decode.ts";
import type { DepthDataset, DepthMap } from "./dense-dataset.ts";

export interface DepthListLayout extends Pick<DepthDataset, "range" | "scoredCrop"> {
  /** Names of the list in the folder; the first that is there. */
  readonly lists: readonly string[];
  /** What a metre is in a depth file of 16 bits. */
  readonly unitsPerMetre: number;
  /** The 16 bits are turned left by 3 in the file, as in SUN RGB-D: its lowest three are the highest of the depth. */
  readonly rotatedBits?: boolean;
}

/**
 * The pairs of a list.
 * @throws InputError when there is no list, it names none, or a file that is not there
 */
export async function openDepthList(folder: string, { lists, unitsPerMetre, rotatedBits = false, ...scored }: DepthListLayout): Promise<DepthDataset> {
  const { list, text } = await firstList(folder, lists);
  const pairs = text.split("\n").flatMap((line, i) => {
    const words = line.trim().split(/\s+/);
    if (words.length === 1 && words[0] === "") return [];
    if (words.length < 2) throw new InputError(`${list}, line ${i + 1}: "${line.trim()}" is no pair; expected an image, its depths and perhaps a focal length.`);
    // KITTI's lists say so of frames that were never measured.
    if (words[1] === "None") return [];
    return [{ image: words[0]!, depths: words[1]! }];
  });
  if (pairs.length === 0) throw new InputError(`${list} names no pair of an image and its depths; expected one a line.`);
  for (const pair of pairs) {
    for (const file of [pair.image, pair.depths]) {
      await stat(join(folder, file)).catch(() => {
        throw new InputError(`${list} names ${file}, which is not in ${folder}; put it there or take the line out.`);
      });
    }
  }
  return {
    ...scored,
    length: pairs.length,
    name: (index) => pairs[index]!.image,
    readImage: (index) => decodeImage(join(folder, pairs[index]!.image)),
    readMap: (index) => readDepthPng(join(folder, pairs[index]!.depths), unitsPerMetre, rotatedBits),
  };
}

async function firstList(folder: string, names: readonly string[]): Promise<{ readonly list: string; readonly text: string }> {
  for (const name of names) {
    const list = join(folder, name);
    const text = await readFile(list, "utf8").catch(() => undefined);
    if (text !== undefined) return { list, text };
  }
  throw new InputError(`${folder} has no ${names.join(" or ")}; expected a list with an image and its depths on each line.`);
}

/**
 * A grey PNG of 16 bits, 0 where nothing was measured.
 * @throws DecodeError when it is something else
 */
export async function readDepthPng(path: string, unitsPerMetre: number, rotatedBits = false): Promise<DepthMap> {
  try {
    const { format, depth, channels } = await sharp(path).metadata();
    if (format !== "png" || depth !== "ushort" || channels !== 1) {
      throw new Error(`${format} of ${channels} channels of type ${depth}; expected a grey PNG of 16 bits`);
    }
    const { data, info } = await sharp(path).toColourspace("grey16").raw({ depth: "ushort" }).toBuffer({ resolveWithObject: true });
    const values = new Uint16Array(data.buffer, data.byteOffset, info.width * info.height);
    return { width: info.width, height: info.height, depths: Float32Array.from(values, (value) => (rotatedBits ? turnedBack(value) : value) / unitsPerMetre) };
  } catch (error) {
    throw new DecodeError(path, `not a depth map: ${(error as Error).message}`);
  }
}

/** Turns 16 bits left by 13, which is right by 3. */
const turnedBack = (value: number) => ((value >> 3) | (value << 13)) & 0xffff;
