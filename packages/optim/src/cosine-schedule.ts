// A value that follows the iterations: frozen at zero, warmed up in a line, let down along a cosine.
// Learning rate, weight decay, teacher momentum and teacher temperature are all such schedules.
import { InputError } from "@dinov2/foundation";

export interface CosineScheduleOptions {
  /** The value after the warm-up, where the cosine starts. */
  readonly baseValue: number;
  /** The value where the cosine ends, kept for ever after. */
  readonly finalValue: number;
  /** Iterations until `finalValue`: freeze, warm-up and cosine together. */
  readonly totalIterations: number;
  readonly warmupIterations?: number;
  readonly startWarmupValue?: number;
  /** Leading iterations at exactly 0. */
  readonly freezeIterations?: number;
}

/** A value for every iteration, counted from 0. */
export interface Schedule {
  /** Iterations after which the value stays constant. */
  readonly length: number;
  at(iteration: number): number;
}

/**
 * The official cosine schedule:
 *
 *     freeze times      0
 *     warmup times      start ... base, evenly spaced, both ends included
 *     n remaining       final + (base - final) / 2 * (1 + cos(pi * i / n)),  i = 0 ... n-1
 *     ever after        final
 *
 * So `base` comes twice, as the last of the warm-up and the first of the cosine, and the cosine's
 * last value is one step short of `final`.
 *
 * @throws InputError when freeze and warm-up take longer than the whole
 * Source: `dinov2/utils/utils.py`, `CosineScheduler`.
 */
export function cosineSchedule(options: CosineScheduleOptions): Schedule {
  const { baseValue, finalValue, totalIterations } = options;
  const { warmupIterations = 0, startWarmupValue = 0, freezeIterations = 0 } = options;
  const cosineIterations = totalIterations - warmupIterations - freezeIterations;
  if (!(cosineIterations >= 0)) {
    throw new InputError(
      `A schedule of ${totalIterations} iterations cannot hold ${freezeIterations} frozen and ` +
        `${warmupIterations} warm-up iterations; train longer or warm up for fewer.`,
    );
  }
  const warmup = (i: number) =>
    i === warmupIterations - 1 && i > 0
      ? baseValue
      : startWarmupValue + (i * (baseValue - startWarmupValue)) / Math.max(1, warmupIterations - 1);
  const cosine = (i: number) =>
    finalValue + 0.5 * (baseValue - finalValue) * (1 + Math.cos((Math.PI * i) / cosineIterations));

  return {
    length: totalIterations,
    at(iteration) {
      if (iteration >= totalIterations) return finalValue;
      if (iteration < freezeIterations) return 0;
      const sinceFreeze = iteration - freezeIterations;
      return sinceFreeze < warmupIterations ? warmup(sinceFreeze) : cosine(sinceFreeze - warmupIterations);
    },
  };
}
