// A frozen backbone with a segmentation head on it. Legend: B images, H × W pixels, h × w patches, K classes.

import type { SegmentationBatch } from "@dinov2/data";
import type { RandomStream } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { FrozenBackbone } from "../backbone.ts";
import { resizeBilinear } from "../dense/bilinear-resize.ts";
import { denseFeatures, joinedPatches, lastLayers, requirePlaces } from "../dense/dense-features.ts";
import type { TrainedHead } from "../dense/head-weights.ts";
import { slide, type WindowOptions } from "../dense/sliding-window.ts";
import { layersReadBy } from "./trained-segmentation-head.ts";
import { LinearSegmentationHead } from "./linear-segmentation-head.ts";
import { pixelCrossEntropy } from "./pixel-cross-entropy.ts";

export interface SegmentationProbeOptions {
  /** How many last layers the head reads; as many as there are, or as a trained head reads. */
  readonly layers: number | TrainedHead;
  readonly classCount: number;
  readonly random: RandomStream;
}

export class SegmentationProbe {
  readonly head: LinearSegmentationHead;
  private readonly layers: readonly number[];

  /** @throws InputError when the backbone has no features of places, or not those that a trained head reads */
  constructor(
    private readonly backbone: FrozenBackbone,
    { layers, classCount, random }: SegmentationProbeOptions,
  ) {
    const places = requirePlaces(backbone);
    this.layers = lastLayers(places, typeof layers === "number" ? layers : layersReadBy(layers, places));
    this.head = new LinearSegmentationHead(places.width * this.layers.length, classCount, random);
  }

  /** What the head reads of images [B, 3, H, W], `atOnce` of them in one forward: [B, h, w, D]. */
  features(images: tf.Tensor4D, atOnce: number): tf.Tensor4D {
    const starts = Array.from({ length: Math.ceil(images.shape[0] / atOnce) }, (_, i) => i * atOnce);
    return tf.tidy(() => tf.concat(starts.map((start) => this.someFeatures(images, start, atOnce)), 0));
  }

  /** Recorded for its gradient. @param labels int32 [B, H, W] */
  loss(features: tf.Tensor4D, labels: tf.Tensor3D): tf.Scalar {
    return tf.tidy(() => pixelCrossEntropy(this.head.trainingLogits(features), labels));
  }

  /** Logits of every pixel of images [B, 3, H, W], window by window: [B, H, W, K]. */
  logits(images: tf.Tensor4D, window: WindowOptions): tf.Tensor4D {
    return slide(images, window, (part) => tf.tidy(() => {
      const logits = this.head.logits(this.features(part, part.shape[0]));
      return resizeBilinear(logits, [part.shape[2], part.shape[3]]);
    }));
  }

  dispose(): void {
    this.head.dispose();
  }

  private someFeatures(images: tf.Tensor4D, start: number, count: number): tf.Tensor4D {
    return tf.tidy(() => {
      const [batch, channels, height, width] = images.shape;
      const some = tf.slice4d(images, [start, 0, 0, 0], [Math.min(count, batch - start), channels, height, width]);
      return joinedPatches(denseFeatures(this.backbone, some, { layers: this.layers, norm: true }));
    });
  }
}

/** A batch of crops as tensors. */
export const segmentationTensors = ({ images, shape, labels }: SegmentationBatch) => ({
  images: tf.tensor4d(images, [...shape]),
  labels: tf.tensor3d(Int32Array.from(labels), [shape[0], shape[2], shape[3]], "int32"),
});
