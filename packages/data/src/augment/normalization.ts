import { InputError } from "@dinov2/foundation";

/** More bands than the usual satellites have. */
export const mostChannels = 16;

/** Turns 8-bit values v into (v / 255 - mean) / standardDeviation: one pair of numbers per channel, and so many channels. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly standardDeviation: readonly number[];
}

/** Channel statistics of ImageNet-1k, which every published DINOv2 model expects. */
export const imagenetMean = [0.485, 0.456, 0.406] as const;
export const imagenetStandardDeviation = [0.229, 0.224, 0.225] as const;
export const imagenetNormalization: Normalization = { mean: imagenetMean, standardDeviation: imagenetStandardDeviation };

/** The numbers of channels 3 · third and the two after it, of those that there are. */
export function ofThird({ mean, standardDeviation }: Normalization, third: number): Normalization {
  const slice = (values: readonly number[]) => values.slice(3 * third, 3 * third + 3);
  return { mean: slice(mean), standardDeviation: slice(standardDeviation) };
}

/** Throws `InputError` for numbers that do not belong together, or that nothing can be divided by. */
export function requireNormalization({ mean, standardDeviation }: Normalization): void {
  const fits = mean.length === standardDeviation.length && mean.length >= 1 && mean.length <= mostChannels;
  if (!fits || !mean.every(Number.isFinite) || !standardDeviation.every((value) => value > 0)) {
    throw new InputError(
      `Mean [${mean.join(", ")}] and standard deviation [${standardDeviation.join(", ")}]: expected a number per channel, ` +
        `1 to ${mostChannels} of them, and deviations above 0.`,
    );
  }
}

const average = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What to normalise by when nobody says it: ImageNet's statistics for three channels, their averages for each of any others. */
export function normalizationFor(channels: number): Normalization {
  if (channels === imagenetMean.length) return imagenetNormalization;
  return {
    mean: Array<number>(channels).fill(average(imagenetMean)),
    standardDeviation: Array<number>(channels).fill(average(imagenetStandardDeviation)),
  };
}
