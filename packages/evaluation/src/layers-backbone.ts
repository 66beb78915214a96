// A convolutional network of TF.js layers as a backbone: the features of one of its layers. Legend: B images, S side in pixels, h × w
// places of a layer's map, D width.

import { InputError } from "@dinov2/foundation";
import { type LayersModel, tf } from "@dinov2/tensor";
import { type FrozenBackbone, requireCropFits } from "./backbone.ts";
import type { BackbonePlaces } from "./dense/dense-features.ts";

export interface LayersBackboneOptions {
  /** The layer to read; without it the last one whose output is a map. */
  readonly layer?: string;
  /** What black and white are to the network; its model file does not say. */
  readonly inputRange?: readonly [black: number, white: number];
  /** Where the network takes any size; 224 as it comes. */
  readonly cropSize?: number | undefined;
  /** As it comes, images are resized to the crop. */
  readonly resizeSize?: number | undefined;
}

/**
 * The mean over a map's places is the feature of an image; a layer without places is a feature as it is. A map of several
 * places answers for places too. The model stays the caller's to dispose.
 * @throws InputError when there is no such layer, it is of no fixed width, or the network takes other images
 */
export function layersBackbone(name: string, model: LayersModel, options: LayersBackboneOptions = {}): FrozenBackbone {
  const { inputRange: [black, white] = [0, 1] } = options;
  const { layer, shape, width } = layerOf(name, model, options.layer);
  const cropSize = inputSide(name, model, options.cropSize);
  const resizeSize = options.resizeSize ?? cropSize;
  requireCropFits(cropSize, resizeSize);
  const read = (images: tf.Tensor4D) => model.output(layer, tf.transpose(images, [0, 2, 3, 1]));
  const places = placesOf(shape, cropSize, read);
  return {
    name,
    width,
    imageSizes: {
      resizeSize,
      cropSize,
      // (v - mean) / deviation is black + v (white - black) for v in 0..1.
      mean: Array<number>(3).fill(black / (black - white)),
      standardDeviation: Array<number>(3).fill(1 / (white - black)),
    },
    imageFeatures: (images) => tf.tidy(() => meanOfPlaces(read(images), width)),
    fingerprint: () => Promise.resolve(`${model.sha256} ${layer} ${black}..${white}`),
    ...(places && { places }),
  };
}

const meanOfPlaces = (output: tf.Tensor, width: number): tf.Tensor2D => tf.mean(tf.reshape(output, [output.shape[0]!, -1, width]), 1);

type LayerShape = readonly (number | null)[];

function layerOf(name: string, { layers }: LayersModel, asked: string | undefined): { layer: string; shape: LayerShape; width: number } {
  const isMap = (shape: LayerShape) => shape.length === 3;
  const layer = asked ?? [...layers].filter(([, shape]) => isMap(shape)).at(-1)?.[0];
  const shape = layer === undefined ? undefined : layers.get(layer);
  if (layer === undefined || shape === undefined) {
    const wanted = asked === undefined ? "has no layer that gives a map" : `has no layer "${asked}"`;
    throw new InputError(`${name} ${wanted}; its last layers are ${[...layers.keys()].slice(-6).join(", ")}.`);
  }
  const width = shape.at(-1);
  if ((!isMap(shape) && shape.length !== 1) || typeof width !== "number") {
    throw new InputError(`Layer "${layer}" of ${name} gives [${shape.join(", ")}] of an image; expected a vector or a map [h, w, D].`);
  }
  return { layer, shape, width };
}

const USUAL_SIDE = 224;

/** The side of the squares that the network sees. */
function inputSide(name: string, { inputShape: [height, width, channels] }: LayersModel, asked = height ?? USUAL_SIDE): number {
  if (channels !== 3 || height !== width) throw new InputError(`${name} takes images of ${String(height)} × ${String(width)} × ${String(channels)}; expected squares of 3 channels.`);
  if (height !== null && asked !== height) throw new InputError(`${name} takes images of ${height} pixels alone; leave --size ${asked} out.`);
  return asked;
}

/** Of a map with several places whose patches are a whole number of pixels. */
function placesOf(shape: LayerShape, side: number, read: (images: tf.Tensor4D) => tf.Tensor): BackbonePlaces | undefined {
  const [h, , width] = shape;
  if (!h || h === 1 || side % h !== 0) return undefined;
  return {
    depth: 1,
    width: width!,
    patchSize: side / h,
    maps: (images, { layers }) => layers.map(() => {
      const patches = read(images) as tf.Tensor4D;
      return { patches, classToken: tf.mean(patches, [1, 2]) };
    }),
  };
}
