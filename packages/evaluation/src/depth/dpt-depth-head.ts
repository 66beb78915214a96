// The DPT head (arXiv 2103.13413): tokens of four blocks become maps at four resolutions, which are fused from coarse to fine. Legend:
// B images, h × w patches, D width, C channels.

import type { RandomStream } from "@dinov2/foundation";
import { gelu, tf } from "@dinov2/tensor";
import { resizeBilinear } from "../dense/bilinear-resize.ts";
import type { FeatureMap } from "../dense/dense-features.ts";
import { disposeHead, type HeadTensors } from "../dense/head-weights.ts";
import { convolve3x3, pointwise, unfoldPlaces } from "./convolution.ts";
import { depthOfNumber } from "./depth-bins.ts";
import type { DepthHead, DepthRange } from "./depth-head.ts";
import { placeFeatures } from "./linear-depth-head.ts";
import { type DptLayer, type DptSizes, dptLayers, freshDptTensors } from "./dpt-layers.ts";
import { everyNth } from "./every-nth.ts";

const PUBLISHED_CHANNELS = 256;

const LAST_LAYER = "conv_depth.head.4";

/**
 * Metres that a fresh head answers about everywhere. Drawn as PyTorch draws it, the last bias is as often below 0, where the
 * rectifier behind it answers the nearest depth for all and passes no gradient: such a head never learns.
 */
const FIRST_DEPTH = 1;

/** The sizes of the published heads on tokens of a width (`dinov2/hub/depthers.py`). */
export function publishedDptSizes(width: number): DptSizes {
  const [eighth, quarter, half] = [8, 4, 2].map((part) => Math.max(1, Math.round(width / part)));
  return { width, channels: PUBLISHED_CHANNELS, stageChannels: [eighth!, quarter!, half!, width] };
}

/** Answers 16 places along a patch, [B, 16 h, 16 w, 1], where h and w are even. */
export class DptDepthHead implements DepthHead {
  readonly tensors: HeadTensors;
  private readonly byName: ReadonlyMap<string, DptLayer>;

  constructor(
    sizes: DptSizes,
    private readonly range: DepthRange,
    random: RandomStream,
  ) {
    const layers = dptLayers(sizes);
    this.byName = new Map(layers.map((layer) => [layer.name, layer]));
    this.tensors = freshDptTensors(layers, random);
    tf.tidy(() => this.tensors.get(`${LAST_LAYER}.bias`)!.variable.assign(tf.fill([1], FIRST_DEPTH)));
  }

  /** @param maps of the four blocks, early to late */
  predict(maps: readonly FeatureMap[]): tf.Tensor4D {
    return tf.tidy(() => {
      const stages = maps.map((map, i) => this.apply(`convs.${i}.conv`, this.reassemble(map, i)));
      let fused = this.fuse(0, stages.at(-1)!);
      for (let i = 1; i < stages.length; i++) fused = this.fuse(i, fused, stages[stages.length - 1 - i]!);
      const projected = tf.relu(this.apply("project.conv", fused));
      return depthOfNumber(this.lastLayers(projected), this.range);
    });
  }

  /** Tokens of one block to a map: the class token is read into each patch, then places are added or left out. */
  private reassemble(map: FeatureMap, stage: number): tf.Tensor4D {
    const readout = gelu(this.apply(`reassemble_blocks.readout_projects.${stage}.0`, placeFeatures([map]))) as tf.Tensor4D;
    const projected = this.apply(`reassemble_blocks.projects.${stage}.conv`, readout);
    // The third map is as fine as the patches.
    if (stage === 2) return projected;
    const resized = this.apply(`reassemble_blocks.resize_layers.${stage}`, projected);
    // A convolution of stride 2 is one of stride 1 of which every second place is kept.
    return stage === 3 ? everyNth(resized, 2) : resized;
  }

  /** What is fused so far and a finer map, at twice the resolution. */
  private fuse(block: number, coarse: tf.Tensor4D, fine?: tf.Tensor4D): tf.Tensor4D {
    const unit = (k: 1 | 2, x: tf.Tensor4D) => this.residualUnit(`fusion_blocks.${block}.res_conv_unit${k}`, x);
    const [, height, width] = coarse.shape;
    const joined = fine ? tf.add(coarse, unit(1, resizeBilinear(fine, [height, width]))) : coarse;
    const refined = resizeBilinear(unit(2, joined as tf.Tensor4D), [2 * height, 2 * width], { alignCorners: true });
    return this.apply(`fusion_blocks.${block}.project.conv`, refined);
  }

  private residualUnit(name: string, x: tf.Tensor4D): tf.Tensor4D {
    const first = this.apply(`${name}.conv1.conv`, tf.relu(x));
    return tf.add(x, this.apply(`${name}.conv2.conv`, tf.relu(first)));
  }

  private lastLayers(x: tf.Tensor4D): tf.Tensor4D {
    const narrow = this.apply("conv_depth.head.0", x);
    const [, height, width] = narrow.shape;
    const fine = resizeBilinear(narrow, [2 * height, 2 * width], { alignCorners: true });
    return this.apply(LAST_LAYER, tf.relu(this.apply("conv_depth.head.2", fine)));
  }

  private apply(name: string, x: tf.Tensor4D): tf.Tensor4D {
    const { kind, side, bias } = this.byName.get(name)!;
    const weight: tf.Tensor = this.tensors.get(`${name}.weight`)!.variable;
    const y =
      kind === "convolution" ? convolve3x3(x, weight as tf.Tensor3D)
      : kind === "transposed" ? unfoldPlaces(x, weight as tf.Tensor2D, side)
      : pointwise(x, weight as tf.Tensor2D);
    return bias ? tf.add(y, this.tensors.get(`${name}.bias`)!.variable) : y;
  }

  dispose(): void {
    disposeHead(this.tensors);
  }
}
