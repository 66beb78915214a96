// Images of classes that other images have: to test on, or to choose settings on.

import { basename } from "node:path";
import { openTestDataset, type ImageDataset, type TestDataset, validationLabelsHint } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import type { NamedTestImages, TestImages } from "./test-images.ts";

interface Known {
  readonly classNames: readonly string[];
}

/** Labelled images of classes that `known`, from `knownSource`, has. Both number their own; the names say which are the same. */
export async function openLike(known: Known, knownSource: string, source: string): Promise<TestImages> {
  const opened = await openTestDataset(source);
  const { classNames, ...dataset } = opened.rightClasses ? { ...opened, classNames: opened.classNames! } : labelled(opened, source);
  const numbers = opened.numbered ? imagenetNumbers(known, knownSource, source) : numbersByName(known, knownSource, classNames, source);
  return {
    ...dataset,
    classNames: known.classNames,
    label: (index) => numbers[dataset.label(index) ?? -1],
    ...scoringOf(opened, numbers, source),
  };
}

function numbersByName({ classNames }: Known, knownSource: string, names: readonly string[], source: string): Int32Array {
  const number = new Map(classNames.map((name, label) => [name, label]));
  const unknown = names.find((name) => !number.has(name));
  if (unknown !== undefined) throw new InputError(`Class "${unknown}" of ${source} is not among the classes of ${knownSource}; use the same names.`);
  return Int32Array.from(names, (name) => number.get(name)!);
}

/** The place of a wnid among all of them is its number, so that all must be there. */
function imagenetNumbers({ classNames }: Known, knownSource: string, source: string): Int32Array {
  const are = classNames.length === 1000 && classNames.every((name, k) => /^n\d{8}$/.test(name) || name === String(k));
  if (are) return Int32Array.from(classNames.keys());
  throw new InputError(`${source} numbers ImageNet's 1000 classes, so ${knownSource} must have all of them, named by wnid; it has ${classNames.length} (${classNames[0]!}).`);
}

/** How the images are scored, where it is not by one right class of all. */
function scoringOf(opened: TestDataset, numbers: Int32Array, source: string): Partial<TestImages> {
  if (opened.ownClassesOnly) return { among: numbers.toSorted(), scoring: `only the ${numbers.length} classes of ${source} may be answered` };
  if (!opened.rightClasses) return {};
  let leftOut = 0;
  for (let i = 0; i < opened.length; i++) if (opened.rightClasses(i).length === 0) leftOut++;
  return { leftOut, scoring: `any of several right classes counts; ${leftOut} of ${opened.length} images have none and are left out` };
}

/** "imagenet-r" of imagenet-r:DIR, else the name of the file or folder; numbered where others have it. */
export function testName(source: string, others: readonly NamedTestImages[]): string {
  const word = /^(imagenet[\w-]*):.*?(:split=val)?$/.exec(source);
  const name = word ? `${word[1]!}${word[2] ? "-val" : ""}` : basename(source).replace(/\.\w+$/, "").replaceAll(/[^\w-]+/g, "-");
  const same = others.filter((other) => other.name === name || other.name.startsWith(`${name}-`)).length;
  return same === 0 ? name : `${name}-${same + 1}`;
}

/** A dataset whose every image has a class. */
export function labelled(dataset: ImageDataset, source: string): ImageDataset & { readonly classNames: readonly string[] } {
  const { classNames } = dataset;
  if (classNames === undefined) {
    const hint = source.startsWith("imagenet:") ? `; ${validationLabelsHint}` : "";
    throw new InputError(`${source} has no classes; expected class sub-folders, or a CSV manifest with a label column${hint}.`);
  }
  for (let i = 0; i < dataset.length; i++) {
    if (dataset.label(i) === undefined) throw new InputError(`${source}: image ${dataset.name(i)} has no label; give it one.`);
  }
  return { ...dataset, classNames };
}
