// The multi-crop augmentation: from one picture, a few large ("global") and many small ("local") views, each cropped,
// recoloured and blurred by its own random draws. It decides what happens to a view (a plan); it does not touch
// pixels, and it knows no batches. Next: `augment/renderer.ts` carries a plan out, `collate.ts` makes batches of views.

import { InputError, type RandomStream } from "@dinov2/foundation";
import { drawCropPlan, type CropDistribution, type CropPlan } from "./augment/crop-plan.ts";
import { imagenetMean, imagenetStandardDeviation, requireNormalization, type Normalization } from "./augment/normalization.ts";
import { CropRenderer } from "./augment/renderer.ts";
import type { RgbImage } from "./images.ts";

/** Defaults: `releasedMultiCrop`, the values behind the released weights (arXiv 2304.07193, `dinov2/data/augmentations.py`). */
export interface MultiCropOptions extends Normalization {
  /** Sides in pixels; each a multiple of the patch size of the model that will read the crops. */
  readonly globalSize: number;
  readonly localSize: number;
  readonly globalCount: number;
  readonly localCount: number;
  /** Share of the picture's area. */
  readonly globalScale: readonly [number, number];
  readonly localScale: readonly [number, number];
  /** Width over height of the rectangle taken from the picture. */
  readonly aspectRatio: readonly [number, number];
  readonly flipProbability: number;
  readonly jitterProbability: number;
  readonly brightness: number;
  readonly contrast: number;
  readonly saturation: number;
  readonly hue: number;
  readonly grayProbability: number;
  /**
   * The reference passes 1 - p where p was meant, so the released models never saw a blurred first global crop. "released"
   * does the same (blurred: 0, 0.9, 0.5 of first global, second global, local crops); "paper" blurs as written (1, 0.1, 0.5).
   */
  readonly blurSemantics: "released" | "paper";
  /** As written in the paper and the reference: of the first global crop, the other global crops, the local crops. */
  readonly blurProbabilities: readonly [firstGlobal: number, otherGlobal: number, local: number];
  readonly blurSigma: readonly [number, number];
  /** Of the global crops after the first; the first one and the local ones are never solarised. */
  readonly solarizeProbability: number;
  readonly solarizeThreshold: number;
}

export const releasedMultiCrop: MultiCropOptions = {
  globalSize: 224,
  localSize: 98,
  globalCount: 2,
  localCount: 8,
  globalScale: [0.32, 1],
  localScale: [0.05, 0.32],
  aspectRatio: [3 / 4, 4 / 3],
  flipProbability: 0.5,
  jitterProbability: 0.8,
  brightness: 0.4,
  contrast: 0.4,
  saturation: 0.2,
  hue: 0.1,
  grayProbability: 0.2,
  blurSemantics: "released",
  blurProbabilities: [1, 0.1, 0.5],
  blurSigma: [0.1, 2],
  solarizeProbability: 0.2,
  solarizeThreshold: 128,
  mean: imagenetMean,
  standardDeviation: imagenetStandardDeviation,
};

/** The released options with some of them changed; throws `InputError` for values that make no crop. */
export function multiCropOptions(changes: Partial<MultiCropOptions> = {}): MultiCropOptions {
  const options = { ...releasedMultiCrop, ...changes };
  for (const name of ["globalSize", "localSize", "globalCount"] as const) requireCount(name, options[name], 1);
  requireCount("localCount", options.localCount, 0);
  for (const name of ["globalScale", "localScale", "aspectRatio", "blurSigma"] as const) {
    const [low, high] = options[name];
    if (!(low > 0 && high >= low)) throw new InputError(`${name} is [${low}, ${high}]; expected 0 < low <= high.`);
  }
  requireNormalization(options);
  return options;
}

function requireCount(name: string, value: number, least: number): void {
  if (!Number.isInteger(value) || value < least) {
    throw new InputError(`${name} is ${value}; expected a whole number of at least ${least}.`);
  }
}

/** What each crop is drawn from: global crops first, then local ones. */
export function cropDistributions(options: MultiCropOptions): CropDistribution[] {
  const blurProbability = (kind: 0 | 1 | 2) => {
    const written = options.blurProbabilities[kind];
    return options.blurSemantics === "released" ? 1 - written : written;
  };
  const global = { ...options, size: options.globalSize, scale: options.globalScale };
  const firstGlobal = { ...global, blurProbability: blurProbability(0), solarizeProbability: 0 };
  const otherGlobal = { ...global, blurProbability: blurProbability(1) };
  const local = {
    ...options,
    size: options.localSize,
    scale: options.localScale,
    blurProbability: blurProbability(2),
    solarizeProbability: 0,
  };
  return [
    ...Array.from({ length: options.globalCount }, (_, i) => (i === 0 ? firstGlobal : otherGlobal)),
    ...Array.from({ length: options.localCount }, () => local),
  ];
}

/** Draws every crop of a picture of `width` x `height` pixels. Crop i depends on its own stream only. */
export function drawMultiCrop(options: MultiCropOptions, width: number, height: number, random: RandomStream): CropPlan[] {
  return cropDistributions(options).map((distribution, i) =>
    drawCropPlan(distribution, width, height, random.split("crop", i)),
  );
}

/** The views of one picture: normalised planes, channels x size x size each. */
export interface Crops {
  readonly globalCrops: Float32Array[];
  readonly localCrops: Float32Array[];
}

/** Draws and renders all crops of `image` into fresh arrays. The loader renders straight into its batch instead. */
export function multiCrop(image: RgbImage, options: MultiCropOptions, random: RandomStream): Crops {
  const renderer = CropRenderer.shared();
  renderer.load(image);
  const crops = drawMultiCrop(options, image.width, image.height, random).map((plan) => {
    const crop = new Float32Array(options.mean.length * plan.outputWidth * plan.outputHeight);
    renderer.render(plan, options, crop);
    return crop;
  });
  return { globalCrops: crops.slice(0, options.globalCount), localCrops: crops.slice(options.globalCount) };
}
