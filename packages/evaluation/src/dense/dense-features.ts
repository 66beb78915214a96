// Frozen features of every place of images of any size. Legend: B images, H × W pixels, h × w patches, D width, L layers.

import { InputError } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { BackbonePlaces, FrozenBackbone } from "../backbone.ts";
import { centerPad } from "./center-padding.ts";

/** What one block of the network says of images. */
export interface FeatureMap {
  /** [B, h, w, D] */
  readonly patches: tf.Tensor4D;
  /** [B, D] */
  readonly classToken: tf.Tensor2D;
}

export interface DenseFeatureOptions {
  /** Indices of blocks, from 0. */
  readonly layers: readonly number[];
  /** Whether each layer goes through the final norm: on for segmentation, off for depth, as published. */
  readonly norm?: boolean;
}

/**
 * The features of the named layers, in block order, of images [B, C, H, W]. Sides that are no whole number of patches are
 * padded with zeros first, so the maps are those of the padded images.
 * @throws InputError when the backbone has no features of places
 */
export function denseFeatures(backbone: FrozenBackbone, images: tf.Tensor4D, { layers, norm = false }: DenseFeatureOptions): FeatureMap[] {
  const places = placesOf(backbone);
  return tf.tidy(() => places.features(centerPad(images, places.patchSize), layers, norm) as never) as FeatureMap[];
}

/** @throws InputError when there are none */
export function placesOf({ name, places }: FrozenBackbone): BackbonePlaces {
  if (!places) throw new InputError(`${name} has no features of places; expected a vision transformer, or pixels.`);
  return places;
}

/** The patch tokens of all layers side by side: [B, h, w, L D]. */
export function joinedPatches(maps: readonly FeatureMap[]): tf.Tensor4D {
  return maps.length === 1 ? tf.clone(maps[0]!.patches) : tf.concat(maps.map(({ patches }) => patches), 3);
}

/** The indices of the last `count` blocks of a backbone, or of all where it has fewer. */
export const lastLayers = ({ depth }: Pick<BackbonePlaces, "depth">, count: number): number[] =>
  Array.from({ length: Math.min(count, depth) }, (_, i) => Math.max(0, depth - count) + i);
