import { describe, expect, it } from "vitest";
import { parseRecipe } from "./recipe.ts";
import { createSchedules } from "./schedules.ts";

const recipe = parseRecipe({
  optimizer: { learningRate: 0.004, finalLearningRate: 1e-5, weightDecay: 0.04, finalWeightDecay: 0.3 },
  schedule: { steps: 100, warmupSteps: 11, freezeLastLayerSteps: 20 },
  teacher: {
    momentum: 0.9,
    finalMomentum: 0.99,
    startTemperature: 0.03,
    temperature: 0.08,
    temperatureWarmupSteps: 51,
  },
  data: { batchSize: 256 },
});
const at = createSchedules(recipe);

describe("the schedules of a recipe", () => {
  it("begin with its start values and end with its final ones", () => {
    expect(at(0)).toEqual({
      learningRate: 0,
      lastLayerLearningRate: 0,
      weightDecay: expect.closeTo(0.04, 12) as number,
      teacherMomentum: expect.closeTo(0.9, 12) as number,
      teacherTemperature: 0.03,
    });
    expect(at(100)).toEqual({
      learningRate: 1e-5,
      lastLayerLearningRate: 1e-5,
      weightDecay: 0.3,
      teacherMomentum: 0.99,
      teacherTemperature: 0.08,
    });
  });

  it("warm the learning rate up to base · √(batch / 1024), or to base where scaling is off", () => {
    expect(at(5).learningRate).toBeCloseTo(0.001, 12);
    expect(at(10).learningRate).toBe(0.002);
    const optimizer = { ...recipe.optimizer, learningRateScaling: "none" as const };
    expect(createSchedules({ ...recipe, optimizer })(10).learningRate).toBe(0.004);
  });

  it("freeze the last layer, and warm the temperature up, for as long as the recipe says", () => {
    expect([19, 20].map((step) => at(step).lastLayerLearningRate)).toEqual([0, at(20).learningRate]);
    expect(at(25).teacherTemperature).toBeCloseTo(0.055, 12);
    expect([49, 50, 51].map((step) => at(step).teacherTemperature < 0.08)).toEqual([true, false, false]);
  });
});
