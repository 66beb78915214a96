import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { disposeBatch, type TrainingBatch } from "./batch.ts";
import { namedParameters } from "./network.ts";
import { isFiniteStep, pretrainStep, type StepMeasures } from "./pretrain-step.ts";
import type { RecipeInput } from "./recipe.ts";
import { noiseBatch, tinyRecipe } from "./testing.ts";
import { createTrainingState, disposeTrainingState, type TrainingState } from "./training-state.ts";

const at = {
  learningRate: 0.005,
  lastLayerLearningRate: 0.005,
  weightDecay: 0.04,
  teacherMomentum: 0.9,
  teacherTemperature: 0.05,
};
const random = RandomStream.fromSeed(1);

beforeAll(() => useBackend({ name: "wasm" }));

let state: TrainingState | undefined;
afterEach(() => {
  if (state) disposeTrainingState(state);
  state = undefined;
});

function setUp(changes: RecipeInput = {}) {
  const recipe = tinyRecipe(changes);
  const batch = noiseBatch(recipe);
  state = createTrainingState(recipe);
  return { recipe, batch, state };
}

const valuesOf = (network: TrainingState["student"]) =>
  new Map([...namedParameters(network)].map(([name, variable]) => [name, Float32Array.from(variable.dataSync())]));

describe("pretrainStep", () => {
  it.each<[string, number, RecipeInput]>([
    ["centering, shared head", 40, { teacher: { targets: "centering" } }],
    [
      "Sinkhorn-Knopp, separate heads, registers, stochastic depth",
      200,
      {
        model: { registerTokens: 2, dropPathRate: 0.3, depth: 2 },
        heads: { ibot: { separate: true, prototypes: 12, hiddenDim: 16, bottleneckDim: 8 } },
        teacher: { targets: "sinkhorn-knopp" },
      },
    ],
  ])("holds equally many tensors and bytes before and after, with %s, over %i steps", async (_, steps, changes) => {
    const { recipe, batch, state } = setUp(changes);
    await pretrainStep(state, batch, at, recipe, random.split(0));
    const before = tf.memory();
    for (let step = 1; step <= steps; step++) await pretrainStep(state, batch, at, recipe, random.split(step));
    expect(tf.memory().numTensors).toBe(before.numTensors);
    expect(tf.memory().numBytes).toBe(before.numBytes);
    disposeBatch(batch);
  });

  it("lowers the loss of one batch seen again and again", async () => {
    const { recipe, batch, state } = setUp();
    const losses: number[] = [];
    for (let step = 0; step < 60; step++) {
      losses.push((await pretrainStep(state, batch, { ...at, teacherMomentum: 1 }, recipe, random)).total_loss!);
    }
    expect(losses.at(-1)!).toBeLessThan(losses[0]! - 0.5);
  });

  it("reports terms that add up to the total, and a gradient norm for each sub-module", async () => {
    const { recipe, batch, state } = setUp();
    const measured = await pretrainStep(state, batch, at, recipe, random);
    const { total_loss, dino_local_crops_loss, dino_global_crops_loss, koleo_loss, ibot_loss, ...norms } = measured;
    expect(dino_local_crops_loss! + dino_global_crops_loss! + koleo_loss! + ibot_loss!).toBeCloseTo(total_loss!, 5);
    expect(Object.keys(norms)).toEqual(["gradient_norm_backbone", "gradient_norm_dino_head"]);
  });

  it("moves the teacher by momentum towards the student as it is after the update", async () => {
    const { recipe, batch, state } = setUp();
    const before = valuesOf(state.teacher);
    await pretrainStep(state, batch, at, recipe, random);
    const student = valuesOf(state.student);
    for (const [name, after] of valuesOf(state.teacher)) {
      after.forEach((value, i) =>
        expect(value).toBeCloseTo(0.9 * before.get(name)![i]! + 0.1 * student.get(name)![i]!, 5),
      );
    }
  });

  it("leaves the last layer alone while its learning rate is zero, and changes all else", async () => {
    const { recipe, batch, state } = setUp();
    const before = valuesOf(state.student);
    await pretrainStep(state, batch, { ...at, lastLayerLearningRate: 0 }, recipe, random);
    const unchanged = [...valuesOf(state.student)].filter(([name, after]) =>
      after.every((v, i) => v === before.get(name)![i]),
    );
    expect(unchanged.map(([name]) => name)).toEqual(["dino_head.last_layer.weight_g", "dino_head.last_layer.weight_v"]);
  });

  it("centres a batch by the batches before it", async () => {
    const { recipe, batch, state } = setUp({ teacher: { targets: "centering" } });
    const first = await pretrainStep(
      state,
      batch,
      { ...at, learningRate: 0, lastLayerLearningRate: 0, teacherMomentum: 1 },
      recipe,
      random,
    );
    const center = state.centers!.dino.dataSync();
    expect(Math.max(...center.map(Math.abs))).toBeGreaterThan(0);
    const second = await pretrainStep(
      state,
      batch,
      { ...at, learningRate: 0, lastLayerLearningRate: 0 },
      recipe,
      random,
    );
    expect(second.dino_global_crops_loss).not.toBe(first.dino_global_crops_loss);
  });

  it.each<[string, (batch: TrainingBatch) => TrainingBatch, ((measures: StepMeasures) => boolean)?]>([
    ["a number that is not finite", (batch) => ({ ...batch, globalCrops: tf.mul(batch.globalCrops, NaN) })],
    ["no leave to update", (batch) => batch, ({ total_loss }) => total_loss! < 0],
  ])("with %s changes nothing: student, optimiser, teacher, centres", async (_, change, mayUpdate) => {
    const { recipe, batch, state } = setUp({ teacher: { targets: "centering" } });
    await pretrainStep(state, batch, at, recipe, random);
    const everything = async () => [
      valuesOf(state.student),
      valuesOf(state.teacher),
      await state.optimizer.exportState(),
      ...[state.centers!.dino, state.centers!.ibot].map((center) => Float32Array.from(center.dataSync())),
    ];
    const [before, changed] = [await everything(), change(batch)];
    const tensors = tf.memory().numTensors;
    const measures = await pretrainStep(state, changed, at, recipe, random, mayUpdate);
    expect(isFiniteStep(measures)).toBe(changed === batch);
    expect(await everything()).toEqual(before);
    expect(tf.memory().numTensors).toBe(tensors);
    await pretrainStep(state, batch, at, recipe, random);
    expect(await everything()).not.toEqual(before);
  });

  it("has no iBOT term without hidden patches, no local term without local crops, and none of weight 0", async () => {
    const { recipe, batch, state } = setUp({
      masking: { probability: 0 },
      crops: { localCount: 0 },
      loss: { koleoWeight: 0 },
    });
    const measured = await pretrainStep(state, batch, at, recipe, random);
    expect(Object.keys(measured).filter((name) => name.endsWith("_loss"))).toEqual([
      "dino_global_crops_loss",
      "total_loss",
    ]);
  });

  it("adds KoLeo of both global crops as released, or of the first as in the paper", async () => {
    const both = setUp();
    const atBoth = (await pretrainStep(both.state, both.batch, at, both.recipe, random)).koleo_loss!;
    disposeTrainingState(both.state);
    const first = setUp({ loss: { koleoCrops: "first" } });
    const atFirst = (await pretrainStep(first.state, first.batch, at, first.recipe, random)).koleo_loss!;
    expect(atFirst).toBeLessThan(atBoth);
    expect(atFirst).toBeGreaterThan(0);
  });
});
