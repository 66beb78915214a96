// The linear head: batch norm, then one linear layer from the features of a place to logits of classes. Legend: B images, h × w
// patches, D width of what is read, K classes.

import type { RandomStream } from "@dinov2/foundation";
import { fullPrecision, linear, tf, type Variable } from "@dinov2/tensor";
import { disposeHead, type HeadTensors } from "../dense/head-weights.ts";

/** The standard deviation of fresh weights (mmsegmentation's `conv_seg`). */
const INITIAL_DEVIATION = 0.01;
const EPSILON = 1e-5;
/** How much of a batch goes into the running statistics. */
const MOMENTUM = 0.1;

/**
 * Normalises by the batch in training, by running statistics in use.
 *
 * Source: `dinov2/eval/segmentation/models/decode_heads/linear_head.py`, `BNHead`, without drop-out as in its configurations;
 * batch norm as `torch.nn.BatchNorm2d`.
 */
export class LinearSegmentationHead {
  /** `conv_seg.weight` is held as [K, D], without its two axes of one. */
  readonly tensors: HeadTensors;
  readonly runningMean: Variable;
  readonly runningVariance: Variable;
  private readonly weight: Variable;
  private readonly bias: Variable;
  private readonly scale: Variable;
  private readonly shift: Variable;

  constructor(width: number, classCount: number, random: RandomStream) {
    const weights = Float32Array.from({ length: classCount * width }, () => random.normal(0, INITIAL_DEVIATION));
    const variable = (make: () => tf.Tensor, trainable = true) => tf.tidy(() => tf.variable(make(), trainable));
    this.weight = variable(() => tf.tensor2d(weights, [classCount, width]));
    this.bias = variable(() => tf.zeros([classCount]));
    this.scale = variable(() => tf.ones([width]));
    this.shift = variable(() => tf.zeros([width]));
    this.runningMean = variable(() => tf.zeros([width]), false);
    this.runningVariance = variable(() => tf.ones([width]), false);
    this.tensors = new Map([
      ["bn.weight", { variable: this.scale, shape: [width] }],
      ["bn.bias", { variable: this.shift, shape: [width] }],
      ["bn.running_mean", { variable: this.runningMean, shape: [width] }],
      ["bn.running_var", { variable: this.runningVariance, shape: [width] }],
      ["conv_seg.weight", { variable: this.weight, shape: [classCount, width, 1, 1] }],
      ["conv_seg.bias", { variable: this.bias, shape: [classCount] }],
    ]);
  }

  /** [B, h, w, D] to [B, h, w, K]. */
  logits(features: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => this.classify(features, this.runningMean, this.runningVariance));
  }

  /** The same by the statistics of these features, which the running ones then follow. */
  trainingLogits(features: tf.Tensor4D): tf.Tensor4D {
    return tf.tidy(() => {
      const { mean, variance } = statistics(features);
      const count = features.size / mean.size;
      // Running statistics have the unbiased variance, as in PyTorch.
      this.follow(this.runningMean, mean);
      this.follow(this.runningVariance, tf.mul(variance, count / Math.max(1, count - 1)));
      return this.classify(features, mean, variance);
    });
  }

  dispose(): void {
    disposeHead(this.tensors);
  }

  private classify(features: tf.Tensor4D, mean: tf.Tensor, variance: tf.Tensor): tf.Tensor4D {
    const normalized = tf.mul(tf.sub(features, mean), tf.rsqrt(tf.add(variance, EPSILON)));
    const scaled = tf.add(tf.mul(normalized, this.scale), this.shift);
    return fullPrecision(() => linear(scaled, this.weight, this.bias)) as tf.Tensor4D;
  }

  private follow(running: Variable, batch: tf.Tensor): void {
    running.assign(tf.add(tf.mul(running, 1 - MOMENTUM), tf.mul(batch, MOMENTUM)));
  }
}

/** Of each of D channels, over all places of all images. */
function statistics(features: tf.Tensor4D): { mean: tf.Tensor; variance: tf.Tensor } {
  const mean = tf.mean(features, [0, 1, 2]);
  return { mean, variance: tf.mean(tf.squaredDifference(features, mean), [0, 1, 2]) };
}
