// KoLeo as a term of a step's loss: over the images of each part by themselves, as a GPU of the official code sees no others, or over
// all images of the step. The latter takes a pass of its own: the student's class tokens of all parts, without gradients, give the
// loss and its gradient with respect to each of them, which the parts then carry on to the weights, each for its own images. The sum
// is the gradient of all together (GradCache, arXiv 2101.06983). The formula is in `@dinov2/losses`.
//
// P parts of b images each, B = P·b; 2 global crops of each image, stacked crop by crop: all images' first, all
// images' second; D width.

import { koleoLoss } from "@dinov2/losses";
import { type RandomStream, type Tensor2D, tf } from "@dinov2/tensor";
import type { TrainingBatch } from "./batch.ts";
import { classTokens, withStochasticDepth } from "./head-outputs.ts";
import type { Network } from "./network.ts";
import type { Recipe } from "./recipe.ts";

/** KoLeo of a part's class tokens [2b, D], as it counts in the loss of the step. */
export type KoleoTerm = (globalFeatures: Tensor2D) => tf.Scalar;

/** Whether KoLeo looks beyond a part, and class tokens are made ahead for it. */
export const koleoSpansParts = ({ koleoOver, koleoWeight }: Recipe["loss"], parts: number): boolean =>
  koleoOver === "step" && koleoWeight > 0 && parts > 1;

/**
 * The terms of the parts, each to be used once.
 *
 * @param randoms of each part, where stochastic depth draws from: here what it will draw again for the gradient
 */
export function koleoTerms(
  student: Network,
  parts: readonly TrainingBatch[],
  randoms: readonly RandomStream[],
  { loss, efficiency }: Pick<Recipe, "loss" | "efficiency">,
): readonly KoleoTerm[] {
  const share = 1 / parts.length;
  if (!koleoSpansParts(loss, parts.length)) return parts.map(() => (features) => koleo(features, loss, share));
  const ofParts = tf.tidy(() => {
    const features = parts.map(({ globalCrops, masks }, part) =>
      classTokens(student, { images: globalCrops, masks }, withStochasticDepth(randoms[part]!, efficiency)),
    );
    const { value, grad } = tf.valueAndGrad((all) => koleo(all as Tensor2D, loss, 1))(joinParts(features));
    return splitParts(grad as Tensor2D, parts.length).map((gradient) => ({ value: tf.mul<tf.Scalar>(value, share), gradient }));
  });
  return ofParts.map(({ value, gradient }) => (features) => {
    const term = withGradient(value, features, gradient);
    tf.dispose([value, gradient]);
    return term;
  });
}

/** Each view by itself: two views of one image would be each other's nearest neighbours. */
function koleo(globalFeatures: Tensor2D, { koleoWeight, koleoCrops, koleoImages }: Recipe["loss"], share: number): tf.Scalar {
  const views = tf.split(globalFeatures, 2) as Tensor2D[]; // 2 × [B, D]
  const used = koleoCrops === "both" ? views : views.slice(0, 1);
  const groups = koleoImages === null ? 1 : views[0]!.shape[0] / koleoImages;
  const losses = used.flatMap((view) => (tf.split(view, groups) as Tensor2D[]).map((images) => koleoLoss(images)));
  return tf.mul(tf.addN(losses), (share * koleoWeight) / groups);
}

/** P × [2b, D] → [2B, D]: all parts' first crops, then all parts' second ones. */
const joinParts = (parts: readonly Tensor2D[]): Tensor2D => swapLeading(tf.concat<Tensor2D>([...parts]), parts.length, 2);

/** [2B, D] → P × [2b, D]. */
const splitParts = (rows: Tensor2D, parts: number): Tensor2D[] => tf.split(swapLeading(rows, 2, parts), parts);

/** Rows [outer · inner · b, D] in the order [inner · outer · b, D]. */
function swapLeading(rows: Tensor2D, outer: number, inner: number): Tensor2D {
  const [count, width] = rows.shape;
  const stacked = tf.reshape(rows, [outer, inner, count / (outer * inner), width]);
  return tf.reshape(tf.transpose(stacked, [1, 0, 2, 3]), [count, width]);
}

/** `value`, with `gradient` as its gradient with respect to `x`. */
function withGradient(value: tf.Scalar, x: Tensor2D, gradient: Tensor2D): tf.Scalar {
  const term = tf.customGrad((_, save) => {
    (save as tf.GradSaveFunc)([gradient]);
    return { value: tf.clone(value), gradFunc: (dy, saved) => tf.mul(dy as tf.Scalar, saved[0]!) };
  });
  return term(x) as tf.Scalar;
}
