// Images to test on whose right answers are not one class of all: several right ones (ImageNet-ReaL), or fewer to choose from
// (ImageNet-A and -R). `task.ts` makes them, and `accuracy.ts` scores rows by what `extractTest` says of them.

import type { ImageDataset } from "@dinov2/data";
import type { FrozenBackbone } from "./backbone.ts";
import { classAccuracies, confusion, type Detail } from "./details.ts";
import type { ClassificationTask, Measurement, ReadingOptions } from "./evaluator.ts";
import { type LabelledFeatures, selectLabelled } from "./feature-matrix.ts";
import { type ExtractedFeatures, extractLabelled } from "./features.ts";
import type { Answers } from "./rank.ts";

/** Labels are numbers of the training images' classes. */
export interface TestImages extends ImageDataset {
  /** The only classes that may be answered, ascending, where not all may. */
  readonly among?: Int32Array;
  /** All right classes of an image, where there may be several; one that has none is left out. */
  rightClasses?(index: number): readonly number[];
  /** How many are left out. */
  readonly leftOut?: number;
  /** What a reader must know of numbers of these images. */
  readonly scoring?: string;
}

/** More images to test on, whose metrics are named `NAME/k20.top1`. */
export interface NamedTestImages {
  readonly name: string;
  readonly images: TestImages;
}

/** Every set to test on, with what its metrics' names start with. */
export function testSets({ test, furtherTests = [] }: ClassificationTask): { readonly prefix: string; readonly images: TestImages }[] {
  return [{ prefix: "", images: test }, ...furtherTests.map(({ name, images }) => ({ prefix: `${name}/`, images }))];
}

/** Rows of a test set that count, and which images they are. */
export type TestFeatures = LabelledFeatures & Answers & Pick<ExtractedFeatures, "rows">;

/** The features of images to test on, with what is right for each. */
export async function extractTest(backbone: FrozenBackbone, images: TestImages, options: ReadingOptions, stage = "test"): Promise<TestFeatures> {
  const all = await extractLabelled(backbone, images, stage, options);
  const among = images.among && { among: images.among };
  if (!images.rightClasses) return { ...all, ...among };
  const right = Array.from(all.rows, (image) => images.rightClasses!(image));
  const counted = Int32Array.from(right.keys()).filter((row) => right[row]!.length > 0);
  return {
    ...selectLabelled(all, counted),
    ...among,
    rows: counted.map((row) => all.rows[row]!),
    rightClasses: Array.from(counted, (row) => right[row]!),
  };
}

/** Rows of the results with what a reader must know of these images; of several right classes none is the one to average over. */
export function rowsOf({ scoring, rightClasses }: TestImages, rows: readonly Measurement[]): Measurement[] {
  const sensible = rows.filter(({ metric }) => rightClasses === undefined || !metric.endsWith(".mean_per_class"));
  return sensible.map((row) => (scoring === undefined ? row : { ...row, note: row.note === undefined ? scoring : `${row.note}; ${scoring}` }));
}

/** Which classes are mixed up, and how often each is told; nothing where an image may be of several. */
export function classDetails(of: string, { labels, rightClasses }: Answers, predictions: Int32Array): Detail[] {
  if (rightClasses !== undefined) return [];
  const mixed = confusion(of, labels, predictions);
  return [mixed, classAccuracies(mixed)];
}
