// What saves time or memory changes no number: each switch, and gradient accumulation, beside the plain step.

import { koleoLoss } from "@dinov2/losses";
import { RandomStream, type Tensor, type Tensor2D, tf, useBackend, valueAndGradients } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { disposeBatch, toTensors } from "./batch.ts";
import { namedParameters } from "./network.ts";
import { pretrainStep, stepGradients } from "./pretrain-step.ts";
import type { Recipe, RecipeInput } from "./recipe.ts";
import { splitBatch } from "./split-batch.ts";
import { studentOutputs } from "./step-losses.ts";
import { collatedNoise, tinyRecipe } from "./testing.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";

beforeAll(() => useBackend({ name: "wasm", threads: 1 }));

const at = { teacherTemperature: 0.05 };
const random = () => RandomStream.fromSeed(1);
const separate = { separate: true, prototypes: 12, hiddenDim: 16, bottleneckDim: 8 };
const largest = (tensor: Tensor) => tf.tidy(() => tf.max(tf.abs(tensor)).dataSync()[0]!);

/** Losses, gradients and next centres of one step from the start. */
function firstStep(recipe: Recipe) {
  const state = createTrainingState(recipe);
  // Away from the start, where all centres are zero and the heads all alike.
  for (const center of Object.values(state.centers ?? {})) center.assign(tf.randomNormal(center.shape, 0, 0.1, "float32", 3));
  const parts = splitBatch(collatedNoise(recipe), recipe.efficiency.accumulationSteps).map(toTensors);
  const found = tf.tidy(() => {
    const { losses, gradients, nextCenters } = stepGradients(state, parts, at, recipe, random());
    const centers = nextCenters.map(({ next }, i) => [`center ${i}`, next] as const);
    return Object.fromEntries([...Object.entries(losses), ...gradients, ...centers]);
  });
  parts.forEach(disposeBatch);
  disposeTrainingState(state);
  return found;
}

function expectSame(changes: RecipeInput, one: RecipeInput["efficiency"], other: RecipeInput["efficiency"]): void {
  const [a, b] = [one, other].map((efficiency) => firstStep(tinyRecipe({ ...changes, efficiency })));
  expectNear(b!, a!);
}

function expectNear(found: Record<string, Tensor>, expected: Record<string, Tensor>): void {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, tensor] of Object.entries(expected)) {
    expect(largest(tf.sub(tensor, found[name]!)), name).toBeLessThan(2e-5 * Math.max(0.1, largest(tensor)));
  }
}

describe.each<[string, RecipeInput]>([
  ["centring and one head", { teacher: { targets: "centering" } }],
  ["Sinkhorn-Knopp and two heads", { teacher: { targets: "sinkhorn-knopp" }, heads: { ibot: separate } }],
])("with %s", (_, changes) => {
  // With LayerScale at 1e-5 all features are next to alike, and KoLeo's gradient is the rounding of their distances.
  const layerScale = 1;
  const model = { depth: 3, dropPathRate: 0.4, registerTokens: 1, layerScale };

  it.each([
    ["packCrops", false],
    ["skipDropped", false],
    ["headsOnHiddenOnly", false],
    ["recomputeBlocks", true],
  ] as const)("a step is the same with %s %s", (key, value) => {
    expectSame({ ...changes, model }, {}, { [key]: value });
  });

  it.each([2, 4])("a step in %i parts is the step of all images at once", (accumulationSteps) => {
    const loss = { koleoImages: 2 };
    expectSame({ ...changes, loss, model: { layerScale }, data: { batchSize: 8 } }, {}, { accumulationSteps });
  });
});

describe("with KoLeo over the step", () => {
  const teacher = { targets: "sinkhorn-knopp", sinkhornOver: "step" } as const;
  const koleoOver = "step" as const;

  it.each<[number, RecipeInput["loss"], boolean]>([
    [2, {}, false],
    [4, {}, false],
    [4, {}, true],
    [12, {}, false], // parts of one image
    [4, { koleoCrops: "first" }, false],
    [2, { koleoImages: 4 }, false], // groups that end within a part
    [4, { koleoImages: 4 }, true],
  ])("a step in %i parts is the step of all images at once, with %j, blocks run again: %s", (accumulationSteps, loss, recomputeBlocks) => {
    const model = { depth: 2, layerScale: 1 };
    const changes = { teacher, model, loss: { ...loss, koleoOver }, data: { batchSize: 12 } };
    expectSame(changes, {}, { accumulationSteps, recomputeBlocks });
  });

  it("differs from KoLeo over the parts, where neighbours are farther away", () => {
    const lossOf = (koleoOver: "step" | "part") =>
      firstStep(tinyRecipe({ model: { layerScale: 1 }, data: { batchSize: 8 }, loss: { koleoOver }, efficiency: { accumulationSteps: 4 } }))
        .koleo_loss!.dataSync()[0]!;
    expect(lossOf("part")).toBeLessThan(lossOf("step") - 0.01);
  });

  it.each([
    {},
    { recomputeBlocks: true },
    { packCrops: false, skipDropped: false },
  ])("its gradient with stochastic depth is that of one graph of all parts, with %j", (ways) => {
    const parts = 3;
    const model = { depth: 3, dropPathRate: 0.4, layerScale: 1 };
    const loss = { koleoOver, dinoWeight: 0, ibotWeight: 0 };
    const recipe = tinyRecipe({ teacher, model, loss, data: { batchSize: 12 }, efficiency: { accumulationSteps: parts, ...ways } });
    const { student, ...others } = createTrainingState(recipe);
    const batches = splitBatch(collatedNoise(recipe), parts).map(toTensors);
    const { value, gradients } = valueAndGradients(() => {
      const views = batches.map((batch, i) => {
        const { globalFeatures } = studentOutputs(student, batch, random().split(i), recipe.efficiency);
        return tf.split(globalFeatures, 2) as Tensor2D[];
      });
      const koleo = [0, 1].map((view) => koleoLoss(tf.concat(views.map((each) => each[view]!))));
      return tf.mul<tf.Scalar>(tf.addN(koleo), recipe.loss.koleoWeight);
    }, namedParameters(student));
    expectNear(firstStep(recipe), { ...Object.fromEntries(gradients), koleo_loss: value, total_loss: value });
    batches.forEach(disposeBatch);
    disposeTrainingState({ student, ...others });
  });
});

it("balances each part by itself if asked to, and the step over all of it otherwise", () => {
  const changes = { teacher: { targets: "sinkhorn-knopp" }, data: { batchSize: 8 }, loss: { koleoImages: 4 } } as const;
  const lossOf = (sinkhornOver: "step" | "part", accumulationSteps: number) =>
    firstStep(tinyRecipe({ ...changes, teacher: { ...changes.teacher, sinkhornOver }, efficiency: { accumulationSteps } }))
      .ibot_loss!.dataSync()[0]!;
  expect(lossOf("step", 2)).toBeCloseTo(lossOf("step", 1), 5);
  expect(Math.abs(lossOf("part", 2) - lossOf("step", 1))).toBeGreaterThan(1e-4);
  expect(lossOf("part", 1)).toBeCloseTo(lossOf("step", 1), 5);
});

it("has parts without any hidden patch", () => {
  const recipe = tinyRecipe({ data: { batchSize: 8 }, masking: { probability: 0.1 }, loss: { koleoImages: 2 } });
  const parts = splitBatch(collatedNoise(recipe), 4);
  expect(parts.some(({ maskIndices }) => maskIndices.length === 0)).toBe(true);
  for (const targets of ["centering", "sinkhorn-knopp"] as const) {
    for (const sinkhornOver of ["step", "part"] as const) {
      const changes = { data: { batchSize: 8 }, masking: { probability: 0.1 }, loss: { koleoImages: 2 }, teacher: { targets, sinkhornOver } };
      const { ibot_loss } = firstStep(tinyRecipe({ ...changes, efficiency: { accumulationSteps: 4 } }));
      expect(ibot_loss!.dataSync()[0]).toBeGreaterThan(0);
    }
  }
});

it.each([
  ["centering", "part"],
  ["sinkhorn-knopp", "part"],
  ["sinkhorn-knopp", "step"],
] as const)("holds equally many tensors before and after steps in parts, with %s over the %s", async (targets, over) => {
  const efficiency = { accumulationSteps: 2, recomputeBlocks: true };
  const recipe = tinyRecipe({ teacher: { targets, sinkhornOver: over }, loss: { koleoOver: over }, efficiency });
  const state = createTrainingState(recipe);
  const parts = splitBatch(collatedNoise(recipe), 2).map(toTensors);
  const settings = { ...at, learningRate: 0.01, lastLayerLearningRate: 0.01, weightDecay: 0.04, teacherMomentum: 0.9 };
  await pretrainStep(state, parts, settings, recipe, random());
  const before = tf.memory();
  const start = Float32Array.from(namedParameters(state.student).get("backbone.norm.bias")!.dataSync());
  for (let step = 0; step < 3; step++) await pretrainStep(state, parts, settings, recipe, random().split(step));
  expect([tf.memory().numTensors, tf.memory().numBytes]).toEqual([before.numTensors, before.numBytes]);
  expect(namedParameters(state.student).get("backbone.norm.bias")!.dataSync()).not.toEqual(start);
  parts.forEach(disposeBatch);
  disposeTrainingState(state);
});
