// From the names of one or two sources to images to learn from and images to test on, with the same labels.

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { openDataset, subset, type ImageDataset } from "@dinov2/data";
import { InputError, RandomStream } from "@dinov2/foundation";
import type { ClassificationTask } from "./evaluator.ts";
import { stratifiedSplit } from "./splits.ts";

export interface TaskOptions {
  readonly data: string;
  /** A source of its own for the images to test on. */
  readonly testData?: string;
  /** A source of its own for the images to choose settings on. */
  readonly selectionData?: string;
  /** The share of images to test on, when the source is one labelled set. */
  readonly split: number;
  readonly seed: number;
}

export interface OpenedTask extends ClassificationTask {
  /** How the two sides came about, in words for the results. */
  readonly origin: string;
  readonly classNames: readonly string[];
}

const TEST_NAMES = ["val", "test", "validation"];

/**
 * The first that fits: `testData`; sub-folders `train` and `val` (or `test`, `validation`); a manifest with a `split`
 * column of such words; else a random split of one labelled set, in which rows of one `group` of a manifest stay together.
 * @throws InputError without labels, with a class on the test side that cannot be learnt, or with an empty side
 */
export async function openTask(options: TaskOptions): Promise<OpenedTask> {
  const task = await openSides(options);
  if (options.selectionData === undefined) return task;
  return { ...task, selection: await openLike(task, options.data, options.selectionData) };
}

async function openSides(options: TaskOptions): Promise<OpenedTask> {
  const { data, testData } = options;
  if (testData !== undefined) return pair(data, testData, "given as two sources");
  const testFolder = await testSubFolder(data);
  if (testFolder !== undefined) return pair(join(data, "train"), join(data, testFolder), `folders train and ${testFolder}`);
  return splitOne(await openDataset(data), options);
}

/** The name of the test folder beside `train`, if both are there. */
async function testSubFolder(data: string): Promise<string | undefined> {
  const isFolder = async (name: string) => (await stat(join(data, name)).catch(() => undefined))?.isDirectory() ?? false;
  if (!(await isFolder("train"))) return undefined;
  for (const name of TEST_NAMES) if (await isFolder(name)) return name;
  return undefined;
}

async function pair(trainSource: string, testSource: string, origin: string): Promise<OpenedTask> {
  const train = labelled(await openDataset(trainSource), trainSource);
  const test = await openLike(train, trainSource, testSource);
  return { train, test, origin, classNames: train.classNames };
}

/** Labelled images of classes that `known`, from `knownSource`, has. Both number their own; the names say which are the same. */
async function openLike(known: { readonly classNames: readonly string[] }, knownSource: string, source: string): Promise<ImageDataset> {
  const { classNames } = known;
  const dataset = labelled(await openDataset(source), source);
  const number = new Map(classNames.map((name, label) => [name, label]));
  const unknown = dataset.classNames.find((name) => !number.has(name));
  if (unknown !== undefined) {
    throw new InputError(`Class "${unknown}" of ${source} is not among the classes of ${knownSource}; use the same names.`);
  }
  return { ...dataset, classNames, label: (index) => number.get(dataset.classNames[dataset.label(index)!]!) };
}

function splitOne(whole: ImageDataset, { data, split, seed }: TaskOptions): OpenedTask {
  const dataset = labelled(whole, data);
  const rows = rowsBySplitColumn(dataset, data) ?? randomRows(dataset, split, seed);
  for (const side of ["train", "test"] as const) {
    if (rows[side].length === 0) throw new InputError(`${data} leaves no image to ${side} on; change --split or give --test-data.`);
  }
  const { classNames } = dataset;
  return { train: subset(dataset, rows.train), test: subset(dataset, rows.test), origin: rows.origin, classNames };
}

function randomRows(dataset: ImageDataset, split: number, seed: number) {
  const labels = Int32Array.from({ length: dataset.length }, (_, i) => dataset.label(i)!);
  const groups = dataset.column?.("group");
  const rows = stratifiedSplit(labels, split, RandomStream.fromSeed(seed).split("benchmark split"), groups);
  const together = groups ? ", groups kept together" : "";
  return { ...rows, origin: `random ${split} of each class to test on, seed ${seed}${together}` };
}

function rowsBySplitColumn(dataset: ImageDataset, source: string) {
  const words = dataset.column?.("split");
  if (!words) return undefined;
  const train: number[] = [];
  const test: number[] = [];
  words.forEach((word, row) => {
    if (word === "train") train.push(row);
    else if (TEST_NAMES.includes(word)) test.push(row);
    else throw new InputError(`${source}, image ${row + 1}: split "${word}" is unknown; expected train, ${TEST_NAMES.join(" or ")}.`);
  });
  return { train, test, origin: "column split of the manifest" };
}

/** A dataset whose every image has a class. */
function labelled(dataset: ImageDataset, source: string): ImageDataset & { readonly classNames: readonly string[] } {
  const { classNames } = dataset;
  if (classNames === undefined) {
    throw new InputError(`${source} has no classes; expected class sub-folders, or a CSV manifest with a label column.`);
  }
  for (let i = 0; i < dataset.length; i++) {
    if (dataset.label(i) === undefined) throw new InputError(`${source}: image ${dataset.name(i)} has no label; give it one.`);
  }
  return { ...dataset, classNames };
}

/** SHA-256 over side, name and class of every image, in order: equal for equal tasks, wherever the files lie. */
export function fingerprint({ train, test, selection, classNames }: OpenedTask): string {
  const hash = createHash("sha256");
  for (const [side, dataset] of Object.entries({ train, test, ...(selection && { selection }) })) {
    for (let i = 0; i < dataset.length; i++) {
      hash.update(`${side}\0${dataset.name(i)}\0${classNames[dataset.label(i)!]}\n`);
    }
  }
  return hash.digest("hex");
}
