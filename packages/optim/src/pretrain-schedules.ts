// The five schedules of pretraining, made from a recipe's numbers. All lengths are in iterations.
import { cosineSchedule } from "./cosine-schedule.ts";
import type { Schedule } from "./cosine-schedule.ts";

export interface PretrainScheduleOptions {
  readonly totalIterations: number;
  /** Warm-up of the learning rate, from 0. */
  readonly warmupIterations: number;
  /** `base` is the effective rate, after `scaleLearningRate`. */
  readonly learningRate: { readonly base: number; readonly final: number };
  readonly weightDecay: { readonly start: number; readonly final: number };
  readonly teacherMomentum: { readonly start: number; readonly final: number };
  /** Warmed up in a line, then constant. */
  readonly teacherTemperature: { readonly start: number; readonly final: number; readonly warmupIterations: number };
  /** Leading iterations in which the heads' last layer has learning rate 0. */
  readonly freezeLastLayerIterations: number;
}

export interface PretrainSchedules {
  readonly learningRate: Schedule;
  readonly lastLayerLearningRate: Schedule;
  readonly weightDecay: Schedule;
  readonly teacherMomentum: Schedule;
  readonly teacherTemperature: Schedule;
}

/**
 * The schedules of a pretraining run. The last layer's rate is the learning rate with its first
 * iterations set to zero: it joins the warm-up where the others are, it does not start its own.
 *
 * Source: `dinov2/train/train.py`, `build_schedulers`; arXiv 2304.07193, appendix B.1.
 */
export function pretrainSchedules(options: PretrainScheduleOptions): PretrainSchedules {
  const { totalIterations, warmupIterations, freezeLastLayerIterations, teacherTemperature } = options;
  const overTheRun = (baseValue: number, finalValue: number) =>
    cosineSchedule({ baseValue, finalValue, totalIterations });
  const learningRate = cosineSchedule({
    baseValue: options.learningRate.base,
    finalValue: options.learningRate.final,
    totalIterations,
    warmupIterations,
  });
  return {
    learningRate,
    lastLayerLearningRate: {
      length: learningRate.length,
      at: (iteration) => (iteration < freezeLastLayerIterations ? 0 : learningRate.at(iteration)),
    },
    weightDecay: overTheRun(options.weightDecay.start, options.weightDecay.final),
    teacherMomentum: overTheRun(options.teacherMomentum.start, options.teacherMomentum.final),
    teacherTemperature: cosineSchedule({
      baseValue: teacherTemperature.final,
      finalValue: teacherTemperature.final,
      totalIterations: teacherTemperature.warmupIterations,
      warmupIterations: teacherTemperature.warmupIterations,
      startWarmupValue: teacherTemperature.start,
    }),
  };
}
