// What an evaluator found beside its numbers, for a reader to look at: which classes are mixed up, which images are near
// which. Images are named by their place in the task's sets; who writes results gives them names and pictures.
// Legend: C classes.

import type { RgbImage } from "@dinov2/data";
import type { StateDict } from "@dinov2/vit";

export type Detail = ConfusionDetail | PerClassDetail | CurveDetail | NeighboursDetail | PictureDetail | HeadDetail;

/** How often images of one class were taken for another. */
export interface ConfusionDetail {
  readonly detail: "confusion";
  /** The row that it is of: "k20", a head's name. */
  readonly of: string;
  /** [C, C], row-major: the class of the image, then the class it was taken for. */
  readonly counts: Int32Array;
}

/** One number for each class: its accuracy, its intersection over union. */
export interface PerClassDetail {
  readonly detail: "perClass";
  readonly of: string;
  /** What the numbers are: "accuracy", "IoU". Shares 0..1. */
  readonly measure: string;
  /** [C]; NaN for a class that no image has. */
  readonly values: ArrayLike<number>;
  /** When the classes are not those of the task's sets. */
  readonly classNames?: readonly string[];
}

/** One number along another: a loss along steps, a precision along recalls. */
export interface CurveDetail {
  readonly detail: "curve";
  readonly title: string;
  readonly xName: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** For some test images the nearest training images, nearest first. */
export interface NeighboursDetail {
  readonly detail: "neighbours";
  readonly of: string;
  readonly queries: readonly {
    readonly test: number;
    readonly neighbours: readonly { readonly train: number; readonly similarity: number }[];
  }[];
}

/** A figure of one image: an overlay of predicted classes, a depth map beside the true one. */
export interface PictureDetail {
  readonly detail: "picture";
  /** The folder for pictures of this kind beside results.json: "overlays", "depth". */
  readonly folder: string;
  /** The image's name in its set. */
  readonly name: string;
  /** What the figure shows, in words, for who cannot see it too. */
  readonly caption: string;
  readonly image: RgbImage;
}

/** The head that was trained for pixels, under the names that published heads have in files. */
export interface HeadDetail {
  readonly detail: "head";
  readonly weights: StateDict;
}

/** The confusion matrix of true and predicted classes, up to the largest that occurs. */
export function confusion(of: string, labels: Int32Array, predicted: Int32Array): ConfusionDetail {
  const classCount = 1 + Math.max(largest(labels), largest(predicted));
  const counts = new Int32Array(classCount * classCount);
  for (let i = 0; i < labels.length; i++) counts[labels[i]! * classCount + predicted[i]!]!++;
  return { detail: "confusion", of, counts };
}

/** The accuracy in each class: the diagonal over the rows of a confusion matrix. */
export function classAccuracies({ of, counts }: ConfusionDetail): PerClassDetail {
  const classes = Math.sqrt(counts.length);
  const values = Float64Array.from({ length: classes }, (_, label) => {
    const row = counts.subarray(label * classes, (label + 1) * classes);
    return row[label]! / row.reduce((sum, count) => sum + count, 0);
  });
  return { detail: "perClass", of, measure: "accuracy", values };
}

const largest = (values: Int32Array) => values.reduce((most, value) => Math.max(most, value), 0);
