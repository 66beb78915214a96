// Dividing one labelled set into a part to learn from and a part to test on, with every class on both sides.

import { InputError, RandomStream } from "@dinov2/foundation";

export interface Split {
  /** Rows of the set, ascending. */
  readonly train: Int32Array;
  readonly test: Int32Array;
}

/**
 * A random split that gives each class its share of test rows. Rows with the same group (variants of one concept,
 * frames of one video) stay on one side; without groups each row is its own. A class with a single group trains.
 * @param labels [N] the class of each row
 * @param testShare the share of rows to test on, 0..1
 * @param groups [N] the group of each row; a group counts for the class of its first row
 */
export function stratifiedSplit(
  labels: ArrayLike<number>,
  testShare: number,
  random: RandomStream,
  groups?: ArrayLike<string>,
): Split {
  const isTest = new Uint8Array(labels.length);
  for (const [label, unitsOfClass] of unitsByClass(labels, groups)) {
    const units = random.split("class", label).shuffle(unitsOfClass);
    const wanted = testShare * units.reduce((sum, rows) => sum + rows.length, 0);
    let taken = 0;
    // A unit goes to the test side while that brings the count nearer to the wanted one; the last unit trains.
    for (const [place, rows] of units.entries()) {
      const mustTake = place === 0 && units.length > 1;
      if (!mustTake && (place === units.length - 1 || taken + rows.length / 2 > wanted)) continue;
      for (const row of rows) isTest[row] = 1;
      taken += rows.length;
    }
  }
  const rows = (side: number) => Int32Array.from(isTest.keys()).filter((row) => isTest[row] === side);
  return { train: rows(0), test: rows(1) };
}

/**
 * Training rows to choose a setting on (`test`), and the rest. Every class has its share; rows of one group stay together.
 * @throws InputError when no class can spare a row
 */
export function heldOutRows(labels: ArrayLike<number>, share: number, seed: number, groups?: ArrayLike<string>): Split {
  const rows = stratifiedSplit(labels, share, RandomStream.fromSeed(seed).split("held out"), groups);
  if (rows.test.length > 0) return rows;
  throw new InputError("No class has two training images, so none can be held out to select on; name other images to select on.");
}

/**
 * Rows of images that are named to choose a setting on (`test`), and the rest.
 * @param images [N] the image of each row
 */
export function namedRows(selectionImages: Int32Array, images: ArrayLike<number>): Split {
  const named = new Set(selectionImages);
  const rows = Int32Array.from({ length: images.length }, (_, row) => row);
  return { train: rows.filter((row) => !named.has(images[row]!)), test: rows.filter((row) => named.has(images[row]!)) };
}

/** For each class its units: lists of rows that must stay together. */
function unitsByClass(labels: ArrayLike<number>, groups?: ArrayLike<string>): Map<number, number[][]> {
  const units = new Map<string | number, number[]>();
  for (let row = 0; row < labels.length; row++) {
    const unit = groups ? groups[row]! : row;
    const rows = units.get(unit);
    if (rows) rows.push(row);
    else units.set(unit, [row]);
  }
  const classes = new Map<number, number[][]>();
  for (const rows of units.values()) {
    const label = labels[rows[0]!]!;
    const list = classes.get(label);
    if (list) list.push(rows);
    else classes.set(label, [rows]);
  }
  return classes;
}

/**
 * Up to `count` random rows of each class, ascending: the training side of a few-shot test.
 * @param labels [N] the class of each row
 */
export function rowsPerClass(labels: ArrayLike<number>, count: number, random: RandomStream): Int32Array {
  const chosen: number[] = [];
  for (const [label, units] of unitsByClass(labels)) {
    const rows = units.map((unit) => unit[0]!);
    chosen.push(...random.split("class", label).shuffle(rows).slice(0, count));
  }
  return Int32Array.from(chosen).sort();
}

/** How a note calls the images that a setting was chosen on. */
export const selectionTitle = (selectionImages?: Int32Array): string =>
  selectionImages ? "the set's own images to select on" : "training images held out";
