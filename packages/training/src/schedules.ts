// What changes from step to step: a recipe's numbers as the schedules of `@dinov2/optim`.

import { pretrainSchedules, scaleLearningRate } from "@dinov2/optim";
import type { Recipe } from "./recipe.ts";

/** The values of one step. */
export interface StepSettings {
  readonly learningRate: number;
  /** Of the heads' last layers: 0 while they are frozen, then the same. */
  readonly lastLayerLearningRate: number;
  readonly weightDecay: number;
  readonly teacherMomentum: number;
  readonly teacherTemperature: number;
}

/** The values of every step, counted from 0. */
export function createSchedules({ optimizer, schedule, teacher, data }: Recipe): (step: number) => StepSettings {
  const schedules = pretrainSchedules({
    totalIterations: schedule.steps,
    warmupIterations: schedule.warmupSteps,
    learningRate: { base: peakLearningRate(optimizer, data.batchSize), final: optimizer.finalLearningRate },
    weightDecay: { start: optimizer.weightDecay, final: optimizer.finalWeightDecay },
    teacherMomentum: { start: teacher.momentum, final: teacher.finalMomentum },
    teacherTemperature: {
      start: teacher.startTemperature,
      final: teacher.temperature,
      warmupIterations: teacher.temperatureWarmupSteps,
    },
    freezeLastLayerIterations: schedule.freezeLastLayerSteps,
  });
  return (step) => ({
    learningRate: schedules.learningRate.at(step),
    lastLayerLearningRate: schedules.lastLayerLearningRate.at(step),
    weightDecay: schedules.weightDecay.at(step),
    teacherMomentum: schedules.teacherMomentum.at(step),
    teacherTemperature: schedules.teacherTemperature.at(step),
  });
}

/** The highest learning rate for a batch of this size. */
export function peakLearningRate(optimizer: Recipe["optimizer"], batchSize: number): number {
  const { learningRate, learningRateScaling } = optimizer;
  return learningRateScaling === "none"
    ? learningRate
    : scaleLearningRate(learningRateScaling, learningRate, batchSize);
}
