// The sides of a set that is known by name, as its authors divide it, and what it is reported by.

import { type ClassificationDataset, type ImageDataset, openClassificationSet, subset } from "@dinov2/data";
import { InputError, RandomStream } from "@dinov2/foundation";
import { rowsPerClass } from "./splits.ts";
import type { OpenedTask, TaskOptions } from "./task.ts";
import type { TestImages } from "./test-images.ts";

/**
 * Images to learn from, those that the set names to select settings on among them, and images to test on.
 * @throws InputError for an empty side, and for images of several classes where `severalClasses` is not set
 */
export async function openPublishedSet({ data, seed, severalClasses = false, metric: otherMetric }: TaskOptions): Promise<OpenedTask> {
  const dataset = await openClassificationSet(data);
  const { classNames, metric, targets } = dataset;
  if (targets && !severalClasses) throw new InputError(`An image of ${data} may show several classes at once, which dinov2 benchmark logistic alone measures.`);
  if (targets && otherMetric) throw new InputError(`${data} is measured by mAP alone; leave --metric out.`);
  const { train, test, selectionImages, origin } = rowsOfSides(dataset, seed);
  for (const [side, rows] of Object.entries({ train, test })) {
    if (rows.length === 0) throw new InputError(`${data} leaves no image to ${side} on; take its original lists.`);
  }
  return {
    ...{ train: sideOf(dataset, train), test: sideOf(dataset, test), origin, classNames },
    ...(selectionImages.length > 0 && { selectionImages }),
    ...(metric !== "mAP" && { metric }),
    ...(targets && { targets: { train: (image) => dataset.targets!(train[image]!), test: (image) => dataset.targets!(test[image]!) } }),
  };
}

interface RowsOfSides {
  readonly train: Int32Array;
  readonly test: Int32Array;
  /** Places in `train`. */
  readonly selectionImages: Int32Array;
  readonly origin: string;
}

function rowsOfSides(dataset: ClassificationDataset, seed: number): RowsOfSides {
  const { length, trainPerClass } = dataset;
  const rows = Int32Array.from({ length }, (_, row) => row);
  if (trainPerClass !== undefined) {
    const labels = rows.map((row) => dataset.label(row)!);
    const train = rowsPerClass(labels, trainPerClass, RandomStream.fromSeed(seed).split("benchmark split"));
    const trained = new Set(train);
    const origin = `random ${trainPerClass} of each class to train on, seed ${seed}`;
    return { train, test: rows.filter((row) => !trained.has(row)), selectionImages: new Int32Array(0), origin };
  }
  const words = dataset.column!("split")!;
  const [train, test] = [rows.filter((row) => words[row] !== "test"), rows.filter((row) => words[row] === "test")];
  const selectionImages = Int32Array.from(train.keys()).filter((place) => words[train[place]!] === "val");
  return { train, test, selectionImages, origin: "the set's own lists" };
}

/** A part of the set; of an image that may show several classes all that it shows are right. */
function sideOf(dataset: ClassificationDataset, rows: Int32Array): ImageDataset & TestImages {
  const images = subset(dataset, rows);
  if (!dataset.targets) return images;
  return { ...images, rightClasses: (image) => [...dataset.targets!(rows[image]!).entries()].flatMap(([k, target]) => (target === 1 ? [k] : [])) };
}
