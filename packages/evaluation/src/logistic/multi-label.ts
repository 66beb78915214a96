// Logistic regression of images that may show several classes: one classifier for each, that class against the rest.
// Legend: N rows, C classes.

import { InputError } from "@dinov2/foundation";
import type { FrozenBackbone } from "../backbone.ts";
import type { EvaluationContext, Measurement } from "../evaluator.ts";
import { type FeatureMatrix, type LabelledFeatures, selectRows } from "../feature-matrix.ts";
import { extractFeatures } from "../features.ts";
import { namedRows } from "../splits.ts";
import { interpolatedAveragePrecision } from "./interpolated-precision.ts";
import { logisticLogits, type LogisticModel, LogisticRegression, OFFICIAL_TOLERANCE } from "./logistic-regression.ts";

/** Features with [N][C] what each row shows: 1, -1, or 0 for what is neither learnt from nor scored. */
interface Rows {
  readonly features: FeatureMatrix;
  readonly targets: readonly Int8Array[];
}

export interface MultiLabelOptions {
  /** Ascending. */
  readonly cs: readonly number[];
  readonly maxIterations: number;
  /** For classifiers that are only compared. */
  readonly tolerance: number;
}

/**
 * C, one for all classes, is selected by the mean over classes of average precision on the training images that the set names
 * for it; then each class is fitted to all training images. Metrics: `logistic.mAP`, and `logistic.heldout`, what C was selected
 * by; the average precision of each class is a detail.
 *
 * Source: Kornblith et al. (arXiv 1805.08974), whom arXiv 2304.07193 follows; average precision as in VOC 2007.
 */
export async function* measureMultiLabel(backbone: FrozenBackbone, context: EvaluationContext, options: MultiLabelOptions): AsyncGenerator<Measurement> {
  const { task, found } = context;
  const { images, ...train } = await extractSide(backbone, context, "train");
  const test = await extractSide(backbone, context, "test");
  const split = namedRows(task.selectionImages!, images);

  const tried = await precisionsOfEach(select(train, split.train), select(train, split.test), options, context);
  const best = tried.reduce((most, one) => (one.mean > most.mean ? one : most)); // the smaller C of equal ones
  const [final] = await precisionsOfEach(train, test, { ...options, cs: [best.c], tolerance: OFFICIAL_TOLERANCE }, context);

  const note = `C ${best.c.toPrecision(3)}, the best of ${tried.length} by mAP on the set's own images to select on; average precision over 11 recalls`;
  yield { metric: "logistic.mAP", value: final!.mean, note };
  yield { metric: "logistic.heldout", value: best.mean, note: "of the selected C, which is selected by it" };
  await found?.({ detail: "perClass", of: "logistic", measure: "average precision", values: final!.precisions });
  await found?.({ detail: "curve", title: "mAP on the images that C is selected on", xName: "log10 C", points: tried.map((one) => [Math.log10(one.c), one.mean]) });
}

/** The average precision of each class, fitted to some rows and scored on others, for each C. */
async function precisionsOfEach(
  fitted: Rows,
  scored: Rows,
  { cs, maxIterations, tolerance }: MultiLabelOptions,
  { progress }: EvaluationContext,
): Promise<{ readonly c: number; readonly precisions: Float64Array; readonly mean: number }[]> {
  const classCount = fitted.targets[0]!.length;
  const precisions = cs.map(() => new Float64Array(classCount));
  const stage = cs.length > 1 ? "selecting C" : "fitting";
  for (let k = 0; k < classCount; k++) {
    progress?.(stage, k, classCount, "classes");
    using regression = new LogisticRegression(oneAgainstRest(fitted, k), 2);
    let from: LogisticModel | undefined;
    for (const [i, c] of cs.entries()) {
      // Two rows of weights, w and -w, cost half of what the one row 2 w of a classifier of two costs, so that half of C is its C.
      from = regression.fit(c / 2, { from, maxIterations, tolerance }).model;
      precisions[i]![k] = averagePrecisionOf(from, scored, k);
    }
    // Signals and timers have their turn.
    await new Promise((resolve) => setImmediate(resolve));
  }
  progress?.(stage, classCount, classCount, "classes");
  return cs.map((c, i) => ({ c, precisions: precisions[i]!, mean: meanOfNumbers(precisions[i]!) }));
}

interface Side extends Rows {
  /** [N] the image of each row. */
  readonly images: Int32Array;
}

async function extractSide(backbone: FrozenBackbone, context: EvaluationContext, side: "train" | "test"): Promise<Side> {
  const { features, rows: images } = await extractFeatures(backbone, context.task[side], { ...context, stage: side });
  return { features, images, targets: Array.from(images, (image) => context.task.targets![side](image)) };
}

const select = ({ features, targets }: Rows, rows: Int32Array): Rows => ({ features: selectRows(features, rows), targets: Array.from(rows, (row) => targets[row]!) });

/** Rows that show class `k` or do not, as classes 1 and 0. */
function oneAgainstRest({ features, targets }: Rows, k: number): LabelledFeatures {
  const rows = Int32Array.from(targets.keys()).filter((row) => targets[row]![k] !== 0);
  const labels = rows.map((row) => (targets[row]![k] === 1 ? 1 : 0));
  if (new Set(labels).size < 2) throw new InputError(`Of the training images all or none show class ${k + 1}, so it cannot be told from the rest; expected some of each.`);
  return { features: selectRows(features, rows), labels };
}

function averagePrecisionOf(model: LogisticModel, { features, targets }: Rows, k: number): number {
  const logits = logisticLogits(model, features);
  const scores = Float64Array.from({ length: features.count }, (_, row) => logits[2 * row + 1]! - logits[2 * row]!);
  return interpolatedAveragePrecision(scores, targets.map((ofRow) => ofRow[k]!));
}

/** Without classes that no row shows. */
function meanOfNumbers(values: Float64Array): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}
