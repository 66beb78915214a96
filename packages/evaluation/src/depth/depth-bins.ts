// From what a layer says of each place to metres. Legend: B images, h × w places, N bins.

import { fullPrecision, tf } from "@dinov2/tensor";
import type { DepthRange } from "./depth-head.ts";

/** How the numbers of a place become shares of the bins. Published heads use "linear" (AdaBins, arXiv 2011.14141). */
export type BinShares = "linear" | "softmax" | "sigmoid";

/** So much of every bin is always there, with "linear". */
const LINEAR_FLOOR = 0.1;

/** The middle of each bin, [N]: evenly spaced, both ends of the range included. */
export const depthBins = ([near, far]: DepthRange, count: number): tf.Tensor1D => tf.linspace(near, far, count);

/**
 * The mean depth of the bins, weighted by their shares: [B, h, w, N] to [B, h, w, 1].
 *
 * Source: `DepthBaseDecodeHead.depth_pred` of `dinov2/hub/depth/decode_heads.py`.
 */
export function depthOfBins(logits: tf.Tensor4D, bins: tf.Tensor1D, shares: BinShares = "linear"): tf.Tensor4D {
  const [batch, height, width, count] = logits.shape;
  return tf.tidy(() => {
    const rows = tf.reshape(logits, [-1, count]) as tf.Tensor2D;
    const weights = binWeights(rows, shares);
    // A mean, no layer: bins rounded to bfloat16 are up to 2 cm off at 10 m.
    const weighted = fullPrecision(() => tf.matMul(weights, tf.reshape(bins, [count, 1]) as tf.Tensor2D));
    return tf.reshape(tf.div(weighted, tf.sum(weights, 1, true)), [batch, height, width, 1]);
  });
}

function binWeights(rows: tf.Tensor2D, shares: BinShares): tf.Tensor2D {
  switch (shares) {
    case "linear":
      return tf.add(tf.relu(rows), LINEAR_FLOOR);
    case "softmax":
      return tf.softmax(rows);
    case "sigmoid":
      return tf.sigmoid(rows);
    default:
      return shares satisfies never;
  }
}

/**
 * One number of a place as metres, without bins: never nearer than the range, or squeezed into what it spans.
 *
 * Source: as above, `classify=False`, with `scale_up` for "scaled".
 */
export function depthOfNumber(x: tf.Tensor4D, [near, far]: DepthRange, kind: "shifted" | "scaled" = "shifted"): tf.Tensor4D {
  return tf.tidy(() => (kind === "scaled" ? tf.mul(tf.sigmoid(x), far) : tf.add(tf.relu(x), near)));
}
