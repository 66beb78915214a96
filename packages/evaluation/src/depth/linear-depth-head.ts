// The heads called lin. 1 and lin. 4: one linear layer from the features of a place to 256 depth bins. Legend: B images,
// h × w patches, D width, L blocks, N bins.

import type { RandomStream } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import { resizeBilinear } from "../dense/bilinear-resize.ts";
import type { FeatureMap } from "../dense/dense-features.ts";
import { disposeHead, type HeadTensors } from "../dense/head-weights.ts";
import { pointwise } from "./convolution.ts";
import { depthBins, depthOfBins } from "./depth-bins.ts";
import { type DepthHead, type DepthRange, uniformVariable } from "./depth-head.ts";

export const PUBLISHED_BINS = 256;
const PUBLISHED_UPSAMPLE = 4;

export interface LinearDepthHeadOptions {
  /** D L: of all blocks that are read together. */
  readonly width: number;
  readonly range: DepthRange;
  readonly bins?: number;
  /** Answers for so many places along a patch. */
  readonly upsample?: number;
}

/**
 * Patch tokens beside the class token of the same block, block after block, through one linear layer; four answers along
 * each patch.
 *
 * Source: `BNHead` of `dinov2/hub/depth/decode_heads.py`, which has no batch norm in spite of its name.
 */
export class LinearDepthHead implements DepthHead {
  readonly tensors: HeadTensors;
  /** [2 D L, N] */
  private readonly weight: tf.Tensor2D;
  /** [N] */
  private readonly bias: tf.Tensor;
  private readonly options: Required<LinearDepthHeadOptions>;

  constructor(options: LinearDepthHeadOptions, random: RandomStream) {
    this.options = { bins: PUBLISHED_BINS, upsample: PUBLISHED_UPSAMPLE, ...options };
    const [inputs, { bins }] = [2 * options.width, this.options];
    const weight = uniformVariable([inputs, bins], inputs, random.split("weight"));
    const bias = uniformVariable([bins], inputs, random.split("bias"));
    this.tensors = new Map([
      ["conv_depth.weight", { variable: weight, shape: [bins, inputs, 1, 1], order: [1, 0, 2, 3] }],
      ["conv_depth.bias", { variable: bias, shape: [bins] }],
    ]);
    [this.weight, this.bias] = [weight as tf.Tensor as tf.Tensor2D, bias];
  }

  predict(maps: readonly FeatureMap[]): tf.Tensor4D {
    const { range, bins } = this.options;
    return tf.tidy(() => depthOfBins(this.logits(maps), depthBins(range, bins)));
  }

  /**
   * [B, h upsample, w upsample, N]. The layer comes before the upsampling, which published heads do first: both are
   * linear, and the weights of an interpolation sum to 1, so the answer is the same with fewer numbers to enlarge.
   */
  logits(maps: readonly FeatureMap[]): tf.Tensor4D {
    return tf.tidy(() => {
      const features = placeFeatures(maps);
      const [, height, width] = features.shape;
      const logits = tf.add(pointwise(features, this.weight), this.bias) as tf.Tensor4D;
      return resizeBilinear(logits, [height * this.options.upsample, width * this.options.upsample]);
    });
  }

  dispose(): void {
    disposeHead(this.tensors);
  }
}

/** [B, h, w, 2 D L]: of each block the patch token, then the image's class token. */
export function placeFeatures(maps: readonly FeatureMap[]): tf.Tensor4D {
  return tf.tidy(() => {
    const beside = maps.flatMap(({ patches, classToken }) => {
      const [batch, height, width] = patches.shape;
      const spread = tf.tile(tf.reshape(classToken, [batch, 1, 1, -1]), [1, height, width, 1]);
      return [patches, spread as tf.Tensor4D];
    });
    return tf.concat(beside, 3) as tf.Tensor4D;
  });
}
