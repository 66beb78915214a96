// A recipe's settings in the words of `@dinov2/data`.

import { type ImageDataset, type LoaderOptions, maskingOptions, type MaskingOptions } from "@dinov2/data";
import { imageReading } from "./image-reading.ts";
import type { Recipe } from "./recipe.ts";

export function loaderOptions(
  recipe: Recipe,
  dataset: ImageDataset,
  startStep: number,
  onSkip: (name: string, reason: string) => void,
): LoaderOptions {
  const { crops, data } = recipe;
  const { mean, standardDeviation, fullScale } = imageReading(recipe);
  return {
    dataset,
    batchSize: data.batchSize,
    seed: recipe.seed,
    startStep,
    multiCrop: {
      globalSize: crops.globalSize,
      localSize: crops.localSize,
      localCount: crops.localCount,
      globalScale: crops.globalScale,
      localScale: crops.localScale,
      blurSemantics: crops.blurSemantics,
      blurSigma: crops.blurSigma,
      jitterProbability: crops.jitterProbability,
      solarizeProbability: crops.solarizeProbability,
      brightness: crops.brightness,
      contrast: crops.contrast,
      saturation: crops.saturation,
      hue: crops.hue,
      mean,
      standardDeviation,
    },
    masking: maskingOptionsOf(recipe),
    ...(data.workers !== null && { workers: data.workers }),
    pixelLimit: data.pixelLimit,
    fullScale,
    shuffleBytes: data.shuffleMebibytes * 2 ** 20,
    cacheBytes: data.cacheMebibytes * 2 ** 20,
    maxSkippedShare: data.maxSkippedShare,
    onSkip,
  };
}

export function maskingOptionsOf({ masking, model }: Recipe): MaskingOptions {
  return maskingOptions({
    patchSize: model.patchSize,
    maskRatio: masking.ratio,
    maskProbability: masking.probability,
    exactCount: masking.exactCount,
  });
}
