// A frozen backbone with a depth head on it. Legend: B images, H × W pixels.

import type { DepthBatch } from "@dinov2/data";
import type { RandomStream } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { FrozenBackbone } from "../backbone.ts";
import { resizeBilinear } from "../dense/bilinear-resize.ts";
import { type BackbonePlaces, denseFeatures, type FeatureMap, requirePlaces } from "../dense/dense-features.ts";
import type { TrainedHead } from "../dense/head-weights.ts";
import type { DepthHead, DepthRange } from "./depth-head.ts";
import { depthLayers } from "./depth-layers.ts";
import { gradientLoss, sigLoss } from "./depth-losses.ts";
import type { DepthHeadName } from "./depth-protocol.ts";
import { DptDepthHead, publishedDptSizes } from "./dpt-depth-head.ts";
import { LinearDepthHead, PUBLISHED_BINS } from "./linear-depth-head.ts";
import { depthHeadOf } from "./trained-depth-head.ts";

export interface DepthProbeOptions {
  /** A fresh head of that name, or one of the shape of a trained one. */
  readonly head: DepthHeadName | TrainedHead;
  readonly range: DepthRange;
  readonly random: RandomStream;
}

export class DepthProbe {
  readonly head: DepthHead;
  readonly places: BackbonePlaces;
  private readonly layers: readonly number[];

  /** @throws InputError when the backbone has no features of places, or not those that a trained head reads */
  constructor(
    backbone: FrozenBackbone,
    private readonly options: DepthProbeOptions,
  ) {
    const places = requirePlaces(backbone);
    this.places = places;
    const { head, range, random } = options;
    const kind = typeof head === "string" ? head : depthHeadOf(head, places);
    const bins = typeof head === "string" ? PUBLISHED_BINS : head.weights.get("conv_depth.bias")?.shape[0] ?? PUBLISHED_BINS;
    this.layers = kind === "lin1" ? [places.depth - 1] : depthLayers(places.depth);
    this.head =
      kind === "dpt"
        ? new DptDepthHead(publishedDptSizes(places.width), range, random)
        : new LinearDepthHead({ width: places.width * this.layers.length, range, bins }, random);
  }

  /** What the head reads of images [B, 3, H, W]. The caller disposes it. */
  features(images: tf.Tensor4D): FeatureMap[] {
    return denseFeatures(this, images, { layers: this.layers });
  }

  /**
   * The loss on features of crops, before the answer is limited to the range.
   * @param depths [B, H, W] metres
   */
  loss(maps: readonly FeatureMap[], depths: tf.Tensor3D, { meanOnly, edges }: { readonly meanOnly: boolean; readonly edges: number }): tf.Scalar {
    return tf.tidy(() => {
      const predicted = asMaps(resizeBilinear(this.head.predict(maps), [depths.shape[1], depths.shape[2]]));
      const maxDepth = this.options.range[1];
      const loss = sigLoss(predicted, depths, { maxDepth, meanOnly });
      return edges === 0 ? loss : tf.add(loss, tf.mul(gradientLoss(predicted, depths, { maxDepth }), edges));
    });
  }

  /** Metres [B, H, W] for every pixel of images [B, 3, H, W], within the range. */
  predict(images: tf.Tensor4D): tf.Tensor3D {
    return tf.tidy(() => {
      const [near, far] = this.options.range;
      const depths = tf.clipByValue(this.head.predict(this.features(images)), near, far) as tf.Tensor4D;
      return asMaps(resizeBilinear(depths, [images.shape[2], images.shape[3]]));
    });
  }

  dispose(): void {
    this.head.dispose();
  }
}

const asMaps = (depths: tf.Tensor4D): tf.Tensor3D => tf.reshape(depths, depths.shape.slice(0, 3) as [number, number, number]);

/** A batch of crops as tensors. */
export const depthTensors = ({ images, shape, depths }: DepthBatch) => ({
  images: tf.tensor4d(images, [...shape]),
  depths: tf.tensor3d(depths, [shape[0], shape[2], shape[3]]),
});
