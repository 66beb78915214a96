import { InputError } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { cosineSchedule } from "./cosine-schedule.ts";
import { scaleLearningRate } from "./learning-rate.ts";
import { pretrainSchedules } from "./pretrain-schedules.ts";

describe("a cosine schedule", () => {
  const schedule = cosineSchedule({
    baseValue: 1,
    finalValue: 0.2,
    totalIterations: 12,
    warmupIterations: 4,
    startWarmupValue: 0.1,
    freezeIterations: 2,
  });

  it("is 0 while frozen, then warms up in a line that includes the base value", () => {
    const values = [0, 1, 2, 3, 4, 5].map((i) => schedule.at(i));
    for (const [i, expected] of [0, 0, 0.1, 0.4, 0.7, 1].entries()) expect(values[i]).toBeCloseTo(expected, 12);
  });

  it("starts the cosine at the base value once more, and is half-way after half of it", () => {
    expect(schedule.at(6)).toBe(1);
    expect(schedule.at(9)).toBeCloseTo(0.6, 12);
  });

  it("ends one cosine step above the final value, and keeps the final value ever after", () => {
    expect(schedule.at(11)).toBeCloseTo(0.2 + 0.4 * (1 + Math.cos((5 / 6) * Math.PI)), 12);
    expect([schedule.at(12), schedule.at(1000)]).toEqual([0.2, 0.2]);
  });

  it("that is all warm-up ends at the base value", () => {
    const line = cosineSchedule({
      baseValue: 7,
      finalValue: 9,
      totalIterations: 3,
      warmupIterations: 3,
      startWarmupValue: 4,
    });
    expect([0, 1, 2, 3].map((i) => line.at(i))).toEqual([4, 5.5, 7, 9]);
  });

  it("of one warm-up iteration starts at the start value", () => {
    const schedule = cosineSchedule({ baseValue: 2, finalValue: 0, totalIterations: 3, warmupIterations: 1 });
    expect([schedule.at(0), schedule.at(1)]).toEqual([0, 2]);
  });

  it("refuses a warm-up longer than itself", () => {
    expect(() => cosineSchedule({ baseValue: 1, finalValue: 0, totalIterations: 5, warmupIterations: 6 })).toThrow(
      InputError,
    );
  });
});

describe("the schedules of pretraining", () => {
  const schedules = pretrainSchedules({
    totalIterations: 100,
    warmupIterations: 11,
    learningRate: { base: 1, final: 0 },
    weightDecay: { start: 0.04, final: 0.4 },
    teacherMomentum: { start: 0.992, final: 1 },
    teacherTemperature: { start: 0.04, final: 0.07, warmupIterations: 4 },
    freezeLastLayerIterations: 5,
  });

  it("free the last layer into the running warm-up, not into one of its own", () => {
    expect([4, 5, 50].map((i) => schedules.lastLayerLearningRate.at(i))).toEqual([
      0,
      0.5,
      schedules.learningRate.at(50),
    ]);
  });

  it("warm the teacher temperature up in a line and then leave it", () => {
    const values = [0, 1, 2, 3, 4, 99].map((i) => schedules.teacherTemperature.at(i));
    for (const [i, expected] of [0.04, 0.05, 0.06, 0.07, 0.07, 0.07].entries())
      expect(values[i]).toBeCloseTo(expected, 12);
  });

  it("raise weight decay and teacher momentum along a cosine, half-way at half time", () => {
    expect(schedules.weightDecay.at(50)).toBeCloseTo(0.22, 12);
    expect(schedules.teacherMomentum.at(50)).toBeCloseTo(0.996, 12);
  });
});

describe("the learning rate", () => {
  it("grows with the square root of the batch: 4e-3 at 2048 images is 5.657e-3, the short recipe", () => {
    expect(scaleLearningRate("sqrt_wrt_1024", 4e-3, 2048)).toBeCloseTo(4e-3 * Math.SQRT2, 12);
  });

  it("refuses an unknown scaling rule and names the known one", () => {
    expect(() => scaleLearningRate("sqrt_wrt_1025", 1, 1)).toThrow('did you mean "sqrt_wrt_1024"?');
    expect(() => scaleLearningRate("linear", 1, 1)).toThrow(InputError);
  });
});
