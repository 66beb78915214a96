/** Turns 8-bit values v into (v / 255 - mean) / standardDeviation, per channel R, G, B. */
export interface Normalization {
  readonly mean: readonly [number, number, number];
  readonly standardDeviation: readonly [number, number, number];
}

/** Channel statistics of ImageNet-1k, which every published DINOv2 model expects. */
export const imagenetMean = [0.485, 0.456, 0.406] as const;
export const imagenetStandardDeviation = [0.229, 0.224, 0.225] as const;
export const imagenetNormalization: Normalization = { mean: imagenetMean, standardDeviation: imagenetStandardDeviation };
