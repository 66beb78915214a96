// From the names of sources to images to learn from and images to test on, with the same labels.

import { createHash } from "node:crypto";
import { join } from "node:path";
import { looksLikeClassificationSet, openDataset, subset, type ImageDataset } from "@dinov2/data";
import { InputError, isFolder, RandomStream } from "@dinov2/foundation";
import type { AccuracyMetric } from "./accuracy.ts";
import type { ClassificationTask } from "./evaluator.ts";
import { labelled, openLike, testName } from "./open-like.ts";
import { openPublishedSet } from "./published-set.ts";
import { stratifiedSplit } from "./splits.ts";
import type { NamedTestImages, TestImages } from "./test-images.ts";

export interface TaskOptions {
  readonly data: string;
  /** Sources of their own for the images to test on; what is selected on test images is so on those of the first. */
  readonly testData?: string | readonly string[];
  /** A source of its own for the images to choose settings on. */
  readonly selectionData?: string;
  /** The share of images to test on, when the source is one labelled set. */
  readonly split: number;
  readonly seed: number;
  /** What settings are selected by, in place of what the set is reported by. */
  readonly metric?: AccuracyMetric;
  /** Whether images that may show several classes at once can be measured. */
  readonly severalClasses?: boolean;
}

export interface OpenedTask extends ClassificationTask {
  /** How the two sides came about, in words for the results. */
  readonly origin: string;
  readonly classNames: readonly string[];
}

const TEST_NAMES = ["val", "test", "validation"];

/**
 * The first that fits: the sides of a set that is known by name; `testData`; the sides of `imagenet:DIR`; sub-folders `train`
 * and `val` (or `test`, `validation`); a manifest with a `split` column of such words; else a random split of one labelled set,
 * in which rows of one `group` of a manifest stay together. Of a source with two sides `testData` takes the place of the second.
 * @throws InputError without labels, with a class on the test side that cannot be learnt, or with an empty side
 */
export async function openTask(options: TaskOptions): Promise<OpenedTask> {
  const { metric, selectionData } = options;
  const task = { ...(await openSides(options)), ...(metric && { metric }) };
  if (selectionData === undefined) return task;
  return { ...task, selection: await openLike(task, options.data, selectionData) };
}

async function openSides(options: TaskOptions): Promise<OpenedTask> {
  const { data, testData } = options;
  if (looksLikeClassificationSet(data)) {
    if (testData !== undefined) throw new InputError(`${data} has images to test on; leave --test-data out.`);
    return openPublishedSet(options);
  }
  const own = await ownSides(data);
  if (testData !== undefined) return openWithTests(own?.train ?? data, [testData].flat(), `tested on ${[testData].flat().join(", ")}`);
  return own ? openWithTests(own.train, [own.test], own.origin) : splitOne(await openDataset(data), options);
}

/** The sources of both sides, if `data` has them. */
async function ownSides(data: string): Promise<{ train: string; test: string; origin: string } | undefined> {
  if (/^imagenet:(?!.*:split=)/.test(data)) return { train: data, test: `${data}:split=val`, origin: "ImageNet's training and validation images" };
  const testFolder = await testSubFolder(data);
  return testFolder === undefined ? undefined : { train: join(data, "train"), test: join(data, testFolder), origin: `folders train and ${testFolder}` };
}

/** The name of the test folder beside `train`, if both are there. */
async function testSubFolder(data: string): Promise<string | undefined> {
  if (!(await isFolder(join(data, "train")))) return undefined;
  for (const name of TEST_NAMES) if (await isFolder(join(data, name))) return name;
  return undefined;
}

async function openWithTests(trainSource: string, testSources: readonly string[], origin: string): Promise<OpenedTask> {
  const train = labelled(await openDataset(trainSource), trainSource);
  const tests: NamedTestImages[] = [];
  for (const source of testSources) {
    const images = await openLike(train, trainSource, source);
    tests.push({ name: testName(source, tests), images });
  }
  const [test, ...furtherTests] = tests;
  return { train, test: test!.images, ...(furtherTests.length > 0 && { furtherTests }), origin, classNames: train.classNames };
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

/** SHA-256 over side, name and classes of every image, in order: equal for equal tasks, wherever the files lie. */
export function fingerprint({ train, test, selection, furtherTests = [], classNames }: OpenedTask): string {
  const hash = createHash("sha256");
  const sides: [side: string, images: TestImages][] = [["train", train], ["test", test], ...furtherTests.map(({ name, images }) => [`test ${name}`, images] as [string, TestImages])];
  if (selection) sides.push(["selection", selection]);
  for (const [side, images] of sides) {
    if (images.among) hash.update(`${side} among ${images.among.join()}\n`);
    for (let i = 0; i < images.length; i++) {
      const right = images.rightClasses?.(i) ?? [images.label(i)!];
      hash.update(`${side}\0${images.name(i)}\0${right.map((label) => classNames[label]).join()}\n`);
    }
  }
  return hash.digest("hex");
}
