// What a depth head learns from: both losses compare logarithms, so that a metre counts more near by than far away.
// Legend: B maps, H × W pixels.

import { tf } from "@dinov2/tensor";
import { everyNth } from "./every-nth.ts";

/** Added to depths before their logarithm is taken. */
const EPSILON = 1e-3;

/** Keeps the gradient of the root finite where it is 0, as in a batch without a measured pixel. */
const ROOT_FLOOR = 1e-12;

export interface DepthLossOptions {
  /** Metres beyond which the truth does not count. */
  readonly maxDepth?: number;
  /** Leave the variance out, as in the first iterations of training. */
  readonly meanOnly?: boolean;
}

/**
 * The scale-invariant loss over all measured pixels of the batch: √(var(g) + 0.15 mean(g)²) with g = log(p + 0.001) −
 * log(t + 0.001) and the unbiased variance; with `meanOnly` the root of the second term.
 *
 * @param predicted [B, H, W] metres
 * @param measured [B, H, W] metres, 0 where nothing was measured
 * Source: `dinov2/eval/depth/models/losses/sigloss.py`.
 */
export function sigLoss(predicted: tf.Tensor3D, measured: tf.Tensor3D, options: DepthLossOptions = {}): tf.Scalar {
  return tf.tidy(() => {
    const mask = measuredMask(measured, options.maxDepth);
    const count = tf.sum(mask);
    const g = tf.mul(logDifference(predicted, measured), mask);
    const mean = tf.div(tf.sum(g), tf.maximum(count, 1));
    const deviations = tf.mul(tf.sub(g, mean), mask);
    const variance = tf.div(tf.sum(tf.square(deviations)), tf.maximum(tf.sub(count, 1), 1));
    const bias = tf.mul(tf.square(mean), 0.15);
    return tf.sqrt(tf.add(options.meanOnly ? bias : tf.add(variance, bias), ROOT_FLOOR)) as tf.Scalar;
  });
}

/** Pixels that are left out between those that are kept, at each of the scales. */
const SCALES = [1, 2, 4, 6];

/**
 * How much the log error changes between pixels two apart, down and across, at four scales: the sum over pairs of measured
 * pixels, divided by the number of measured pixels of the scale. The official code means this but takes differences
 * over images and channels, which are 0 for two images of one channel; here they are taken over the map.
 *
 * @param predicted [B, H, W] metres
 * @param measured [B, H, W] metres, 0 where nothing was measured
 * Source: `dinov2/eval/depth/models/losses/gradientloss.py`, on maps; from MegaDepth (arXiv 1804.00607), section 4.
 */
export function gradientLoss(predicted: tf.Tensor3D, measured: tf.Tensor3D, { maxDepth }: DepthLossOptions = {}): tf.Scalar {
  return tf.tidy(() => {
    const mask = measuredMask(measured, maxDepth);
    const difference = tf.mul(logDifference(predicted, measured), mask) as tf.Tensor3D;
    const terms = SCALES.map((step) => {
      const [d, m] = [everyNth(difference, step), everyNth(mask, step)];
      const sum = tf.add(changes(d, m, 1), changes(d, m, 2));
      return tf.div(sum, tf.maximum(tf.sum(m), 1)) as tf.Scalar;
    });
    return tf.addN(terms) as tf.Scalar;
  });
}

const logDifference = (predicted: tf.Tensor3D, measured: tf.Tensor3D) =>
  tf.sub(tf.log(tf.add(predicted, EPSILON)), tf.log(tf.add(measured, EPSILON)));

/** 1 where a depth was measured and counts, else 0. */
function measuredMask(measured: tf.Tensor3D, maxDepth: number | undefined): tf.Tensor3D {
  const positive = tf.greater(measured, 0);
  const counted = maxDepth === undefined ? positive : tf.logicalAnd(positive, tf.lessEqual(measured, maxDepth));
  return tf.cast(counted, "float32") as tf.Tensor3D;
}

/** Σ |difference[i] − difference[i + 2]| along an axis, over pairs that are both measured. */
function changes(difference: tf.Tensor3D, mask: tf.Tensor3D, axis: 1 | 2): tf.Scalar {
  const pairs = difference.shape[axis] - 2;
  if (pairs <= 0) return tf.scalar(0);
  const size: [number, number, number] = [...difference.shape];
  size[axis] = pairs;
  const shifted: [number, number, number] = [0, 0, 0];
  shifted[axis] = 2;
  const pair = (x: tf.Tensor3D) => [tf.slice3d(x, [0, 0, 0], size), tf.slice3d(x, shifted, size)] as const;
  const [here, there] = pair(difference);
  const [counts, countsThere] = pair(mask);
  return tf.sum(tf.mul(tf.abs(tf.sub(here, there)), tf.mul(counts, countsThere)));
}
