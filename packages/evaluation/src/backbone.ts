// What an evaluator sees of a network: how its images are prepared, and the features it gives. Legend: B images,
// S side in pixels, D width.

import { createHash } from "node:crypto";
import type { ChannelOptions, Normalization } from "@dinov2/data";
import { InputError } from "@dinov2/foundation";
import { tf } from "@dinov2/tensor";
import type { IntermediateLayer, VisionTransformer } from "@dinov2/vit";
import { type BackbonePlaces, pixelPlaces, vitPlaces } from "./dense/dense-features.ts";

/**
 * The short side becomes `resizeSize` (bicubic, antialiased), then the middle `cropSize` square is taken. Channels and their
 * normalisation, where they are not those of ImageNet's colours, are those that the model was trained with.
 */
export interface ImageSizes extends Partial<Normalization>, Pick<ChannelOptions, "channels" | "fullScale"> {
  readonly resizeSize: number;
  readonly cropSize: number;
}

export interface FrozenBackbone {
  /** For tables: where the weights came from. */
  readonly name: string;
  /** D */
  readonly width: number;
  readonly imageSizes: ImageSizes;
  /** One feature vector of each image, [B, channels, S, S] normalised by ImageNet's mean and deviation to [B, D]. */
  imageFeatures(images: tf.Tensor4D): tf.Tensor2D;
  /** For probes that read several blocks; missing where there are none. */
  readonly blocks?: BackboneBlocks;
  /** When the image features are `blocks.features` of so many last blocks; missing when they are the class token of the last. */
  readonly blockCount?: number;
  /** SHA-256 of all that the features depend on: two networks that give the same have the same one. */
  fingerprint?(): Promise<string>;
  /** For probes that ask for every pixel. */
  readonly places?: BackbonePlaces;
}

export interface BackboneBlocks {
  readonly depth: number;
  /** What `blockFeatures` makes of the last `count` blocks, [B, (count + 1) D]. */
  features(images: tf.Tensor4D, count: number): tf.Tensor2D;
}

/** Frozen evaluation of the released models happens at 224 pixels (`dinov2/data/transforms.py`), whatever they were trained at. */
const OFFICIAL_CROP = 224;
const OFFICIAL_RESIZE = 256;

/**
 * The sizes to prepare images at: the crop is as asked, else the model's own size, at most 224 and a whole number of
 * patches; the resize is as asked, else 256/224 of the crop, or the crop itself where images are to be seen whole.
 * @throws InputError when the crop is not a multiple of the patch, or larger than the resize
 */
export function evaluationSizes(
  { imageSize, patchSize, inChannels = 3 }: { readonly imageSize: number; readonly patchSize: number; readonly inChannels?: number },
  { cropSize, resizeSize, whole = false }: { readonly cropSize?: number | undefined; readonly resizeSize?: number | undefined; readonly whole?: boolean } = {},
): ImageSizes {
  const usual = Math.max(patchSize, Math.floor(Math.min(imageSize, OFFICIAL_CROP) / patchSize) * patchSize);
  const crop = cropSize ?? usual;
  const resize = resizeSize ?? (whole ? crop : Math.round((crop * OFFICIAL_RESIZE) / OFFICIAL_CROP));
  if (crop % patchSize !== 0) {
    const near = Math.max(1, Math.round(crop / patchSize)) * patchSize;
    throw new InputError(`Image size ${crop} is not a multiple of the patch size ${patchSize}; use --size ${near}.`);
  }
  requireCropFits(crop, resize);
  return { cropSize: crop, resizeSize: resize, ...(inChannels !== 3 && { channels: inChannels }) };
}

/** @throws InputError when a crop is larger than the images that it is cut out of */
export function requireCropFits(crop: number, resize: number): void {
  if (resize < crop) throw new InputError(`A crop of ${crop} does not fit in images resized to ${resize}; use --resize ${crop} or more.`);
}

/** A vision transformer as a backbone: its class token after the final norm. It stays the caller's to dispose. */
export function vitBackbone(name: string, model: VisionTransformer, imageSizes?: ImageSizes): FrozenBackbone {
  return {
    name,
    width: model.config.embedDim,
    imageSizes: imageSizes ?? evaluationSizes(model.config),
    imageFeatures: (images) => model.forward(images),
    blocks: {
      depth: model.config.depth,
      features: (images, count) => tf.tidy(() => blockFeatures(model.getIntermediateLayers(images, { n: count, returnClassToken: true }))),
    },
    fingerprint: () => weightsFingerprint(model),
    places: vitPlaces(model),
  };
}

async function weightsFingerprint({ config, parameters }: VisionTransformer): Promise<string> {
  const hash = createHash("sha256").update(JSON.stringify(config));
  for (const name of [...parameters.keys()].sort()) {
    const values = await parameters.get(name)!.data();
    hash.update(name).update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  return hash.digest("hex");
}

/**
 * The class tokens of some last blocks, oldest first, then the mean patch token of the last one: [B, (layers + 1) D]. Every
 * input of the official linear heads is a range of its columns.
 *
 * Source: `dinov2/eval/linear.py`, `create_linear_input`.
 */
export function blockFeatures(layers: readonly IntermediateLayer[]): tf.Tensor2D {
  return tf.tidy(() => {
    const classTokens = layers.map(({ classToken }) => classToken!);
    return tf.concat([...classTokens, tf.mean(layers.at(-1)!.patchTokens, 1)], 1) as tf.Tensor2D;
  });
}

/** The patch of published models. */
const PIXEL_PATCH = 14;

/**
 * No network at all: the picture itself, shrunk to `side` × `side` colours; of a place, the colours of its patch. The floor
 * that a learned feature has to beat; on simple pictures it is far above chance.
 */
export function pixelBackbone(side = 16): FrozenBackbone {
  return {
    name: "pixels",
    width: 3 * side * side,
    imageSizes: { resizeSize: side, cropSize: side },
    imageFeatures: (images) => tf.reshape(images, [images.shape[0], 3 * side * side]),
    fingerprint: () => Promise.resolve("pixels"),
    places: pixelPlaces(PIXEL_PATCH),
  };
}
