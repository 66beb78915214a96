// Pairs of images and depths by a list file: a line is `IMAGE DEPTH` or `IMAGE DEPTH FOCAL`, paths under the folder of the list.

import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { InputError, isFolder } from "@dinov2/foundation";
import sharp from "sharp";
import { cutOut } from "../cut-out.ts";
import { decodeImage, DecodeError } from "../decode.ts";
import type { DepthDataset, DepthMap } from "./dense-dataset.ts";

export interface DepthListLayout extends Pick<DepthDataset, "range" | "scoredCrop"> {
  /** Names of the list in the folder; the first that is there. */
  readonly lists: readonly string[];
  /** What a metre is in a depth file of 16 bits. */
  readonly unitsPerMetre: number;
  /** Folders of the images and of the depths that paths are under, where the source has them; else they are under the source. */
  readonly folders?: { readonly image: string; readonly depths: string };
  /** Height and width of the part of every picture that is used: the middle of its lower edge. */
  readonly bottomCentre?: readonly [height: number, width: number];
  /** The 16 bits are turned left by 3 in the file, as in SUN RGB-D: its lowest three are the highest of the depth. */
  readonly rotatedBits?: boolean;
}

/**
 * The pairs of a list.
 * @throws InputError when there is no list, it names none, or a file that is not there
 */
export async function openDepthList(folder: string, layout: DepthListLayout): Promise<DepthDataset> {
  const { lists, unitsPerMetre, rotatedBits = false, bottomCentre, range, scoredCrop } = layout;
  const { list, text } = await firstList(folder, lists);
  const under = await foldersIn(folder, layout);
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
    for (const kind of ["image", "depths"] as const) {
      await stat(join(under[kind], pair[kind])).catch(() => {
        throw new InputError(`${list} names ${pair[kind]}, which is not in ${under[kind]}; put it there or take the line out.`);
      });
    }
  }
  return {
    range,
    ...(scoredCrop && { scoredCrop }),
    length: pairs.length,
    name: (index) => pairs[index]!.image,
    readImage: async (index) => {
      const file = join(under.image, pairs[index]!.image);
      const { width, height, data } = await decodeImage(file);
      const part = cut(file, { width, height, values: data }, 3, bottomCentre);
      return { width: part.width, height: part.height, data: part.values };
    },
    readMap: async (index) => {
      const file = join(under.depths, pairs[index]!.depths);
      const { width, height, depths } = await readDepthPng(file, unitsPerMetre, rotatedBits);
      const part = cut(file, { width, height, values: depths }, 1, bottomCentre);
      return { width: part.width, height: part.height, depths: part.values };
    },
  };
}

async function foldersIn(folder: string, { folders }: DepthListLayout) {
  const whole = { image: folder, depths: folder };
  if (folders === undefined) return whole;
  const own = { image: join(folder, folders.image), depths: join(folder, folders.depths) };
  const there = await Promise.all([own.image, own.depths].map(isFolder));
  return there.every(Boolean) ? own : whole;
}

interface Raster<Values> {
  readonly width: number;
  readonly height: number;
  /** [height, width, channels] */
  readonly values: Values;
}

/** The middle of the lower edge, or everything. */
function cut<Values extends Uint8Array | Float32Array>(
  file: string,
  whole: Raster<Values>,
  channels: number,
  size: readonly [height: number, width: number] | undefined,
): Raster<Values> {
  if (size === undefined) return whole;
  const [height, width] = size;
  if (whole.height < height || whole.width < width) {
    throw new InputError(`${file} is ${whole.width} × ${whole.height} pixels; expected at least ${width} × ${height}, the part that is used.`);
  }
  const part = { top: whole.height - height, left: Math.floor((whole.width - width) / 2), height, width };
  return { width, height, values: cutOut(whole.values, whole.width, channels, part) };
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
