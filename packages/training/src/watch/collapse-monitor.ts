// Is the teacher still telling images apart? Measured on a part of the batch by a pass of its own through the teacher, so that a
// training step keeps nothing for it. What the numbers warn of is in `collapse-warnings.ts`.
//
// n images, 2 global crops of each, all images' first, then all images' second; K prototypes, D width.

import { centeredSoftmax, sinkhornKnopp } from "@dinov2/losses";
import { type Tensor2D, type Tensor4D, tf } from "@dinov2/tensor";
import type { TrainingBatch } from "../batch.ts";
import { headOutputs } from "../head-outputs.ts";
import type { Network } from "../network.ts";
import type { TrainingState } from "../training-state.ts";
import { featureSpread, type FeatureSpread } from "./feature-spread.ts";

export interface CollapseMeasures extends FeatureSpread {
  /** The mean entropy of a crop's target, in nats: 0 when each picks one prototype, ln K when all are equally likely. */
  readonly target_entropy: number;
  /** How many prototypes the targets use together, 1..K: exp of the entropy of the mean target. */
  readonly prototypes_used: number;
}

/** At most so many images are looked at: their rank is bounded by the number of crops. */
const mostImages = 128;
/** Crops in one pass: without gradients, less memory than a training step of any size takes. */
const cropsOfPass = 32;
/** Rows of K probabilities there at a time. */
const rowsOfPart = 16;

/**
 * @param parts the batch, or what it was divided into
 * @returns null when a feature is not finite
 */
export async function collapseMeasures(
  { teacher, centers }: Pick<TrainingState, "teacher" | "centers">,
  parts: readonly Pick<TrainingBatch, "globalCrops">[],
  temperature: number,
): Promise<CollapseMeasures | null> {
  const { features, entropies } = tf.tidy(() => {
    const { features, projected } = classTokens(teacher, firstImages(parts));
    const logits = (rows: Tensor2D) => teacher.dinoHead.logits(rows);
    const entropies = centers
      ? targetEntropies(projected, (rows) => centeredSoftmax(logits(rows), centers.dino, temperature))
      : // Balanced over the rows together, as in a step.
        targetEntropies(sinkhornKnopp(logits(projected), temperature), (rows) => rows);
    return { features, entropies };
  });
  const [values, [meanEntropy, entropyOfMean]] = await Promise.all([features.data<"float32">(), entropies.data()]);
  const width = features.shape[1];
  tf.dispose([features, entropies]);
  if (!values.every(Number.isFinite)) return null;
  return { ...featureSpread(values, width, 2), target_entropy: meanEntropy!, prototypes_used: Math.exp(entropyOfMean!) };
}

/** Both crops of a batch's first images, [2n, 3, S, S]. */
function firstImages(parts: readonly Pick<TrainingBatch, "globalCrops">[]): Tensor4D {
  let left = mostImages;
  const crops = parts.flatMap(({ globalCrops }) => {
    const images = globalCrops.shape[0] / 2;
    const count = Math.min(left, images);
    left -= count;
    return count > 0 ? [[0, 1].map((view) => tf.slice(globalCrops, view * images, count))] : [];
  });
  return tf.concat([0, 1].flatMap((view) => crops.map((views) => views[view]!)));
}

/** What the teacher's DINO head reads, and makes, of whole crops: [2n, D] and [2n, bottleneck]. */
function classTokens(teacher: Network, crops: Tensor4D): { features: Tensor2D; projected: Tensor2D } {
  const parts = slices(crops.shape[0], cropsOfPass).map(([begin, count]) =>
    tf.tidy(() => {
      const { features, projected } = headOutputs(teacher, [{ images: tf.slice(crops, begin, count) }], new Int32Array(0));
      return { features, projected: projected[0]!.rows };
    }),
  );
  return {
    features: tf.concat(parts.map(({ features }) => features)),
    projected: tf.concat(parts.map(({ projected }) => projected)),
  };
}

/**
 * @param targets from some rows to their probabilities [n, K]
 * @returns [2]: the mean of the rows' entropies, and the entropy of their mean
 */
function targetEntropies(rows: Tensor2D, targets: (rows: Tensor2D) => Tensor2D): tf.Tensor1D {
  let [sumOfEntropies, sum]: tf.Tensor[] = [tf.scalar(0), tf.scalar(0)];
  for (const [begin, count] of slices(rows.shape[0], rowsOfPart)) {
    [sumOfEntropies, sum] = tf.tidy(() => {
      const probabilities = targets(tf.slice(rows, begin, count));
      return [tf.add(sumOfEntropies!, tf.sum(entropy(probabilities))), tf.add(sum!, tf.sum(probabilities, 0))];
    });
  }
  return tf.stack<tf.Tensor>([tf.div(sumOfEntropies!, rows.shape[0]), entropy(tf.div(sum!, rows.shape[0]))]) as tf.Tensor1D;
}

/** In nats, over the last axis. */
const entropy = (probabilities: tf.Tensor): tf.Tensor =>
  tf.neg(tf.sum(tf.mul(probabilities, tf.log(tf.add(probabilities, 1e-30))), -1));

/** `[begin, count]` of the parts of `length` that have at most `most`. */
function slices(length: number, most: number): [begin: number, count: number][] {
  return Array.from({ length: Math.ceil(length / most) }, (_, i) => [i * most, Math.min(most, length - i * most)]);
}
