// How good are the features of a frozen network? An evaluator takes a backbone and a task and answers named numbers,
// one at a time. It never trains the backbone and knows nothing of how it was trained; a new measure is one new file
// beside `knn-evaluator.ts` and one row in the benchmark app. What comes next: `backbone.ts`, all that an evaluator
// sees of a network; `features.ts`, images to a feature matrix; `knn.ts`, the first measure.

import type { ImageDataset } from "@dinov2/data";
import type { AccuracyMetric } from "./accuracy.ts";
import type { FrozenBackbone } from "./backbone.ts";
import type { Detail } from "./details.ts";
import type { FeatureSource } from "./features.ts";
import type { NamedTestImages, TestImages } from "./test-images.ts";

/** One result: "k10.top1" is 0.79. Shares are 0..1, not per cent. */
export interface Measurement {
  readonly metric: string;
  readonly value: number;
  /** What a reader must know of the number: which head it is of, and how that one was chosen. */
  readonly note?: string;
}

/** Labelled images on two sides; labels mean the same on all of them. */
export interface ClassificationTask {
  readonly train: ImageDataset;
  readonly test: TestImages;
  /** More sets to test the same classifiers on; what is selected on test images is so on those of `test`. */
  readonly furtherTests?: readonly NamedTestImages[];
  /** More labelled images, to choose settings on; without them a part of `train` serves. */
  readonly selection?: ImageDataset;
  /** Images of `train` to choose settings on, where the set names them; settings are then fitted to all of `train`. */
  readonly selectionImages?: Int32Array;
  /**
   * What is known of images that may show several classes, which have no labels, by their place in a side: [C] 1 shows the class,
   * -1 does not, 0 is too difficult to say.
   */
  readonly targets?: Readonly<Record<"train" | "test", (image: number) => Int8Array>>;
  /** What settings are selected by; top-1 when missing. */
  readonly metric?: AccuracyMetric;
}

/** Where an evaluator reports what it is doing, for long work. */
export interface EvaluationWatcher {
  /** `done` of `total` images of a stage were seen, or of something else in the plural: `unit`. */
  progress?(stage: string, done: number, total: number, unit?: string): void;
  /** A file was left out. */
  skipped?(name: string, reason: string): void;
}

/** How images are read. */
export interface ReadingOptions extends EvaluationWatcher {
  /** Images in one forward. */
  readonly batchSize?: number;
  /** Pictures with more pixels are left out; the default is that of `@dinov2/data`. */
  readonly pixelLimit?: number;
  /** Where features are kept, for the next measure of the same network. */
  readonly store?: FeatureSource | undefined;
}

export interface EvaluationContext extends ReadingOptions {
  readonly task: ClassificationTask;
  readonly seed: number;
  /**
   * Takes what a reader may look at beside the numbers, in any order: `{ detail: "confusion", … }`, values of classes, curves,
   * neighbours, pictures (`details.ts`). They go to `details` of results.json, and from there to the page. An evaluator awaits
   * it, so that pictures are written one by one, and makes no details where nobody takes them.
   */
  found?(detail: Detail): void | Promise<void>;
}

export interface Evaluator {
  readonly name: string;
  /** Whether it measures images that may show several classes at once. */
  readonly severalClasses?: boolean;
  run(backbone: FrozenBackbone, context: EvaluationContext): AsyncIterable<Measurement>;
}
