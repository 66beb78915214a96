// Revisited Oxford and Paris (Radenović et al., CVPR 2018, arXiv 1803.11285): which images of a gallery show the building that a
// query shows, and how hard that is to see. The layout is that of the published archives:
//
//     roxford5k/
//       gnd_roxford5k.pkl      {"imlist": [names], "qimlist": [names], "gnd": [{"bbx", "easy", "hard", "junk"} per query]}
//       jpg/
//         all_souls_000000.jpg …
//
// gnd_roxford5k.json of the same content is read too.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { cutOut } from "../cut-out.ts";
import type { ImageDataset } from "../datasets/dataset.ts";
import { decodeImage } from "../decode.ts";
import type { RgbImage } from "../images.ts";
import { readPlainPickle } from "./numpy-pickle.ts";

/** Images of a gallery, by number. */
export interface Relevance {
  readonly easy: readonly number[];
  readonly hard: readonly number[];
  /** Hardly to be seen even by a person: neither right nor wrong. */
  readonly junk: readonly number[];
}

export interface RevisitedDataset {
  readonly gallery: ImageDataset;
  readonly queryCount: number;
  queryName(query: number): string;
  /** The part of the query's picture that shows the building. */
  readQuery(query: number): Promise<RgbImage>;
  relevance(query: number): Relevance;
}

const layout = /^(roxford5k|rparis6k):(.*)$/s;

export const looksLikeRevisited = (source: string): boolean => layout.test(source);

interface GroundTruth {
  readonly imlist: readonly string[];
  readonly qimlist: readonly string[];
  readonly gnd: readonly (Relevance & { readonly bbx: readonly number[] })[];
}

/**
 * `roxford5k:DIR` or `rparis6k:DIR`.
 * @throws InputError when the ground truth is missing or is something else, or an image that it names is not there
 */
export async function openRevisited(source: string): Promise<RevisitedDataset> {
  const [, name, folder] = layout.exec(source)!;
  const { path, value } = await readGroundTruth(folder!, name!);
  const { imlist, qimlist, gnd } = checked(value, path);
  const images = join(folder!, "jpg");
  const present = new Set(await readdir(images).catch(() => [] as string[]));
  const missing = [...imlist, ...qimlist].find((image) => !present.has(`${image}.jpg`));
  if (missing !== undefined) throw new InputError(`${images} has no ${missing}.jpg, which ${path} names; unpack the images there.`);
  const fileOf = (image: string) => join(images, `${image}.jpg`);
  return {
    gallery: { length: imlist.length, name: (index) => imlist[index]!, label: () => undefined, source: (index) => fileOf(imlist[index]!) },
    queryCount: qimlist.length,
    queryName: (query) => qimlist[query]!,
    readQuery: async (query) => cropped(await decodeImage(fileOf(qimlist[query]!)), gnd[query]!.bbx, fileOf(qimlist[query]!)),
    relevance: (query) => gnd[query]!,
  };
}

async function readGroundTruth(folder: string, name: string): Promise<{ path: string; value: unknown }> {
  const [pickle, json] = ["pkl", "json"].map((extension) => join(folder, `gnd_${name}.${extension}`)) as [string, string];
  const bytes = await readFile(pickle).catch(() => undefined);
  if (bytes) return { path: pickle, value: readPlainPickle(bytes, pickle) };
  const text = await readFile(json, "utf8").catch(() => undefined);
  if (text === undefined) throw new InputError(`There is neither ${pickle} nor ${json}; expected the ground truth beside a folder jpg of images.`);
  try {
    return { path: json, value: JSON.parse(text) };
  } catch (error) {
    throw new InputError(`${json} is not JSON: ${(error as Error).message}.`);
  }
}

/** The ground truth with whole numbers of images that there are, and boxes of four numbers. */
function checked(value: unknown, path: string): GroundTruth {
  const { imlist, qimlist, gnd } = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const areNames = (list: unknown): list is string[] => Array.isArray(list) && list.length > 0 && list.every((name) => typeof name === "string");
  if (!areNames(imlist) || !areNames(qimlist) || !Array.isArray(gnd) || gnd.length !== qimlist.length) {
    throw new InputError(`${path} is not a ground truth; expected the lists imlist, qimlist and gnd, the last two of one length.`);
  }
  const isImage = (index: unknown) => Number.isInteger(index) && (index as number) >= 0 && (index as number) < imlist.length;
  const areImages = (list: unknown) => Array.isArray(list) && list.every(isImage);
  const isBox = (box: unknown) => Array.isArray(box) && box.length === 4 && box.every(Number.isFinite);
  for (const [query, entry] of (gnd as (Partial<GroundTruth["gnd"][number]> | null)[]).entries()) {
    const wrong = (["easy", "hard", "junk"] as const).find((kind) => !areImages(entry?.[kind]));
    const problem = wrong ? `"${wrong}" is no list of numbers below ${imlist.length}` : isBox(entry!.bbx) ? undefined : `"bbx" is not four numbers`;
    if (problem) throw new InputError(`${path}, query ${qimlist[query]}: ${problem}.`);
  }
  return { imlist, qimlist, gnd: gnd as GroundTruth["gnd"] };
}

/** The pixels of a box [left, top, right, bottom], as far as they are in the picture. */
function cropped(image: RgbImage, [left, top, right, bottom]: readonly number[], path: string): RgbImage {
  const [x0, y0] = [Math.max(0, Math.round(left!)), Math.max(0, Math.round(top!))];
  const [x1, y1] = [Math.min(image.width, Math.round(right!)), Math.min(image.height, Math.round(bottom!))];
  if (x1 <= x0 || y1 <= y0) throw new InputError(`${path}: the query's box ${[left, top, right, bottom].join(", ")} has no pixel of ${image.width} × ${image.height}.`);
  const [width, height] = [x1 - x0, y1 - y0];
  return { width, height, data: cutOut(image.data, image.width, 3, { top: y0, left: x0, width, height }) };
}
