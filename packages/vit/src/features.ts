// What a forward gives back, under the official names in camel case (`forward_features`).
// B images, R registers, N patches, D width.

import { tf } from "@dinov2/tensor";

export interface Features {
  /** [B, D], after the final norm. */
  readonly xNormClstoken: tf.Tensor2D;
  /** [B, R, D], after the final norm. */
  readonly xNormRegtokens: tf.Tensor3D;
  /** [B, N, D], after the final norm. */
  readonly xNormPatchtokens: tf.Tensor3D;
  /** [B, 1 + R + N, D], before the final norm. */
  readonly xPrenorm: tf.Tensor3D;
}

/** CLS [B, D] of sequences [B, 1 + R + N, D]. */
export function clsToken(sequences: tf.Tensor3D): tf.Tensor2D {
  const [batch, , width] = sequences.shape;
  return tf.reshape(tf.slice(sequences, [0, 0, 0], [batch, 1, width]), [batch, width]);
}

/** Registers [B, R, D]. */
export function registerTokens(sequences: tf.Tensor3D, registers: number): tf.Tensor3D {
  const [batch, , width] = sequences.shape;
  if (registers === 0) return tf.zeros([batch, 0, width]);
  return tf.slice(sequences, [0, 1, 0], [batch, registers, width]);
}

/** Patches [B, N, D]. */
export function patchTokens(sequences: tf.Tensor3D, registers: number): tf.Tensor3D {
  const [batch, tokens, width] = sequences.shape;
  const prefix = 1 + registers;
  return tf.slice(sequences, [0, prefix, 0], [batch, tokens - prefix, width]);
}

export interface IntermediateLayer {
  /** [B, N, D], or [B, D, h, w] with `reshape`. */
  readonly patchTokens: tf.Tensor3D | tf.Tensor4D;
  /** [B, D] with `returnClassToken`, else null. */
  readonly classToken: tf.Tensor2D | null;
}

export interface IntermediateLayerOptions {
  /** The last n blocks, or a list of block indices from 0. */
  readonly n?: number | readonly number[];
  /** Give patches as a [B, D, h, w] map. */
  readonly reshape?: boolean;
  readonly returnClassToken?: boolean;
  /** Apply the final norm to every layer. */
  readonly norm?: boolean;
}
