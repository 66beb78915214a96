// Frozen features of every place of images of any size. Legend: B images, H × W pixels, h × w patches, p pixels along a patch, D width,
// L layers.

import { InputError } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { VisionTransformer } from "@dinov2/vit";

/** What one block of the network says of images. */
export interface FeatureMap extends tf.NamedTensorMap {
  /** [B, h, w, D] */
  readonly patches: tf.Tensor4D;
  /** [B, D] */
  readonly classToken: tf.Tensor2D;
}

export interface FeatureMapOptions {
  /** Indices of blocks, from 0; the maps come in this order. */
  readonly layers: readonly number[];
  /** Whether each layer goes through the final norm: published heads for classes of pixels have it so, those for depth do not. */
  readonly norm?: boolean;
}

/** What a backbone says of places in images. */
export interface BackbonePlaces {
  /** Layers that can be read; 1 where there is no network. */
  readonly depth: number;
  /** D of one layer */
  readonly width: number;
  /** p */
  readonly patchSize: number;
  /** Of images [B, C, H, W] whose sides are whole numbers of patches. */
  maps(images: tf.Tensor4D, options: FeatureMapOptions): FeatureMap[];
}

/**
 * The features of the named layers, of images [B, C, H, W]. Images whose sides are no whole number of patches are padded, so
 * the maps are those of the padded images. The caller disposes them.
 */
export function denseFeatures(
  { places }: { readonly places?: BackbonePlaces | undefined },
  images: tf.Tensor4D,
  options: FeatureMapOptions,
): FeatureMap[] {
  const found = requirePlaces({ places });
  return tidy(() => found.maps(padAround(images, found.patchSize), options));
}

/** @throws InputError when the backbone has no features of places */
export function requirePlaces({ name = "The model", places }: { readonly name?: string; readonly places?: BackbonePlaces | undefined }): BackbonePlaces {
  if (!places) throw new InputError(`${name} has no features of places; take a vision transformer, or pixels.`);
  return places;
}

/**
 * Images [B, C, H, W] in the middle of zeros, so that their sides are multiples; the odd row or column of zeros comes behind.
 *
 * Source: `CenterPadding` of `dinov2/hub/utils.py`. Published heads are trained and tested on maps that cover the padding
 * too, and these are then stretched to the size of the image without it.
 */
export function padAround(images: tf.Tensor4D, multiple: number): tf.Tensor4D {
  const padding = (size: number): [number, number] => {
    const missing = Math.ceil(size / multiple) * multiple - size;
    return [Math.floor(missing / 2), Math.ceil(missing / 2)];
  };
  const [, , height, width] = images.shape;
  return tf.pad(images, [[0, 0], [0, 0], padding(height), padding(width)]);
}

/** The patch tokens of all maps side by side: [B, h, w, L D]. */
export const joinedPatches = (maps: readonly FeatureMap[]): tf.Tensor4D => tf.concat(maps.map(({ patches }) => patches), 3);

/** The indices of the last `count` layers, or of all where there are fewer. */
export const lastLayers = ({ depth }: Pick<BackbonePlaces, "depth">, count: number): number[] =>
  Array.from({ length: Math.min(count, depth) }, (_, i) => Math.max(0, depth - count) + i);

/** The tokens of a vision transformer's blocks. */
export function vitPlaces(model: VisionTransformer): BackbonePlaces {
  const { depth, embedDim, patchSize } = model.config;
  return {
    depth,
    width: embedDim,
    patchSize,
    maps: (images, { layers, norm = false }) => {
      const [batch, , height, width] = images.shape;
      const order = [...new Set(layers)].sort((a, b) => a - b);
      const found = model.getIntermediateLayers(images, { n: order, returnClassToken: true, norm });
      return layers.map((layer) => {
        const { patchTokens, classToken } = found[order.indexOf(layer)]!;
        const patches = tf.reshape(patchTokens, [batch, height / patchSize, width / patchSize, embedDim]) as tf.Tensor4D;
        return { patches, classToken: tf.clone(classToken!) };
      });
    },
  };
}

/** The pixels of each patch, channel after channel, [B, h, w, C p p]; their mean over all patches in place of a class token. */
export function pixelPlaces(patchSize: number): BackbonePlaces {
  return {
    depth: 1,
    width: 3 * patchSize ** 2,
    patchSize,
    maps: (images, { layers }) => layers.map(() => pixelMap(images, patchSize)),
  };
}

function pixelMap(images: tf.Tensor4D, patchSize: number): FeatureMap {
  const [batch, channels, height, width] = images.shape;
  const [h, w] = [height / patchSize, width / patchSize];
  // [B, C, h, p, w, p] → [B, h, w, C, p, p] by two swaps of neighbours: TF.js moves four axes fast, six slowly.
  const bands = tf.transpose(tf.reshape(images, [batch, channels, h, -1]), [0, 2, 1, 3]); // [B, h, C, p w p]
  const lines = tf.transpose(tf.reshape(bands, [batch * h, channels * patchSize, w, patchSize]), [0, 2, 1, 3]);
  const patches: tf.Tensor4D = tf.reshape(lines, [batch, h, w, channels * patchSize ** 2]);
  return { patches, classToken: tf.mean(patches, [1, 2]) };
}

/** `tf.tidy` for results whose type is an interface: its own types allow only index signatures. */
const tidy = <T>(compute: () => T): T => tf.tidy(compute as () => tf.TensorContainer) as T;
