// ImageNet's validation images come in one folder, without classes: ILSVRC2012_val_00000001.JPEG to …_00050000.JPEG. Two files
// say what they are. Kaggle's LOC_val_solution.csv names the wnid of each image:
//
//     ImageId,PredictionString
//     ILSVRC2012_val_00048981,n03995372 85 1 499 272
//
// The devkit's ground truth has a line for each image, in their order: the ILSVRC2012_ID of its class, which is no place among
// the sorted wnids. Which wnid an ID is, is said by meta.mat beside it (structs "synsets" with ILSVRC2012_ID and WNID), and in the
// devkits since 2014 by map_clsloc.txt (lines "n02119789 1 kit_fox").

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { type MatValue, readMatFile } from "../../mat/mat-file.ts";
import type { ImageDataset } from "../dataset.ts";

const devkits = ["", "ILSVRC2012_devkit_t12/data", "ILSVRC/devkit/data"];
const groundTruths = ["ILSVRC2012_validation_ground_truth.txt", "ILSVRC2015_clsloc_validation_ground_truth.txt"];

/** For who has images of `imagenet:DIR:split=val` without classes. */
export const validationLabelsHint =
  `validation images in one folder also need LOC_val_solution.csv in DIR, or the devkit (DIR/${devkits[1]!} with ${groundTruths[0]!} and meta.mat)`;

export interface ValidationLabels {
  readonly file: string;
  /** The wnid of each image by its number, which is that in its name. */
  readonly wnids: ReadonlyMap<number, string>;
}

/**
 * What a file in `folder` says of the validation images; undefined when there is none.
 * @throws InputError when it is not what it should be
 */
export async function readValidationLabels(folder: string): Promise<ValidationLabels | undefined> {
  const solution = join(folder, "LOC_val_solution.csv");
  const rows = await linesOf(solution);
  if (rows) return { file: solution, wnids: fromSolution(rows, solution) };
  for (const devkit of devkits) {
    for (const name of groundTruths) {
      const file = join(folder, devkit, name);
      const ids = await linesOf(file);
      if (ids) return { file, wnids: fromGroundTruth(ids, file, await readClassIds(join(folder, devkit))) };
    }
  }
  return undefined;
}

function fromSolution(rows: readonly string[], file: string): Map<number, string> {
  return new Map(rows.slice(1).map((row, i) => {
    const [, image, wnid] = /^ILSVRC2012_val_(\d{8}),(n\d{8}) /.exec(row) ?? [];
    if (wnid === undefined) throw new InputError(`${file}, line ${i + 2} is "${row.slice(0, 60)}"; expected ILSVRC2012_val_XXXXXXXX,nXXXXXXXX and a box.`);
    return [Number(image), wnid];
  }));
}

function fromGroundTruth(ids: readonly string[], file: string, wnidOf: ReadonlyMap<string, string>): Map<number, string> {
  return new Map(ids.map((id, i) => {
    const wnid = wnidOf.get(id);
    if (wnid === undefined) throw new InputError(`${file}, line ${i + 1} is "${id.slice(0, 60)}"; expected the ILSVRC2012_ID of a class, 1 to 1000.`);
    return [i + 1, wnid];
  }));
}

/** The wnid of each ILSVRC2012_ID. */
async function readClassIds(devkit: string): Promise<Map<string, string>> {
  const file = join(devkit, "map_clsloc.txt");
  const lines = await linesOf(file);
  if (!lines) return readSynsets(join(devkit, "meta.mat"));
  return new Map(lines.map((line, i) => {
    const [, wnid, id] = /^(n\d{8}) (\d+)\b/.exec(line) ?? [];
    if (wnid === undefined) throw new InputError(`${file}, line ${i + 1} is "${line.slice(0, 60)}"; expected a wnid and its number, "n02119789 1 kit_fox".`);
    return [id!, wnid];
  }));
}

async function readSynsets(file: string): Promise<Map<string, string>> {
  const synsets = (await readMatFile(file)).get("synsets");
  const list: readonly MatValue[] = Array.isArray(synsets) ? synsets : [];
  const found = list.flatMap((synset): [string, string][] => {
    if (!(synset instanceof Map)) return [];
    const [id, wnid] = [synset.get("ILSVRC2012_ID") as MatValue, synset.get("WNID") as MatValue];
    return id instanceof Float64Array && typeof wnid === "string" ? [[String(id[0]), wnid]] : [];
  });
  if (found.length === 0) throw new InputError(`${file} has no structs "synsets" with ILSVRC2012_ID and WNID; take it from ILSVRC2012_devkit_t12.`);
  return new Map(found);
}

/** Without empty ones at the end; undefined when there is no such file. */
async function linesOf(file: string): Promise<string[] | undefined> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text?.trimEnd().split(/\r?\n/);
}

/** The number in a validation image's name; undefined when it has another. */
export function validationNumber(name: string): number | undefined {
  const number = /(?:^|\/)ILSVRC2012_val_(\d{8})\.[^./]+$/.exec(name)?.[1];
  return number === undefined ? undefined : Number(number);
}

/**
 * The same images with their classes, numbered by sorted wnid.
 * @throws InputError when the labels do not have one of them
 */
export function labelledValidation(images: ImageDataset, { file, wnids }: ValidationLabels): ImageDataset {
  const ofImage = Array.from({ length: images.length }, (_, i) => {
    const wnid = wnids.get(validationNumber(images.name(i)) ?? NaN);
    if (wnid === undefined) throw new InputError(`${file} does not say what ${images.name(i)} is; it has ${wnids.size} images named ILSVRC2012_val_XXXXXXXX.`);
    return wnid;
  });
  const classNames = [...new Set(ofImage)].sort();
  const number = new Map(classNames.map((wnid, label) => [wnid, label]));
  const labels = Int32Array.from(ofImage, (wnid) => number.get(wnid)!);
  return { length: images.length, classNames, name: (i) => images.name(i), source: (i) => images.source(i), label: (i) => labels[i] };
}
