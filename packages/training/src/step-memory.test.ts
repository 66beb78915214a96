import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { disposeBatch, toTensors } from "./batch.ts";
import { splitBatch } from "./split-batch.ts";
import { pretrainStep } from "./pretrain-step.ts";
import { parseRecipe, type RecipeInput } from "./recipe.ts";
import { createSchedules } from "./schedules.ts";
import { stepMemory } from "./step-memory.ts";
import { collatedNoise } from "./testing.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";

/** The data of tensors, which TF.js' own count has twice where two tensors share them. */
class DataWatch {
  private readonly bytes = new Map<object, number>();
  private total = 0;
  peak = 0;
  private readonly engine = tf.engine() as unknown as {
    trackTensor(tensor: tf.Tensor, backend: unknown): void;
    removeDataId(dataId: object, backend: unknown): void;
  };
  private readonly originals = { trackTensor: this.engine.trackTensor, removeDataId: this.engine.removeDataId };

  constructor() {
    this.engine.trackTensor = (tensor, backend) => {
      this.originals.trackTensor.call(this.engine, tensor, backend);
      if (this.bytes.has(tensor.dataId)) return;
      this.bytes.set(tensor.dataId, tensor.size * tf.util.bytesPerElement(tensor.dtype));
      this.total += this.bytes.get(tensor.dataId)!;
      this.peak = Math.max(this.peak, this.total);
    };
    this.engine.removeDataId = (dataId, backend) => {
      this.originals.removeDataId.call(this.engine, dataId, backend);
      this.total -= this.bytes.get(dataId) ?? 0;
      this.bytes.delete(dataId);
    };
  }

  stop(): void {
    Object.assign(this.engine, this.originals);
  }
}

/** Of the second step: before the first one the teacher shares the student's data. */
async function measuredPeak(settings: RecipeInput): Promise<number> {
  const recipe = parseRecipe(settings);
  const watch = new DataWatch();
  const state = createTrainingState(recipe);
  const parts = splitBatch(collatedNoise(recipe), recipe.efficiency.accumulationSteps).map(toTensors);
  for (const step of [1, 2]) await pretrainStep(state, parts, createSchedules(recipe)(step), recipe, RandomStream.fromSeed(step));
  parts.forEach(disposeBatch);
  disposeTrainingState(state);
  watch.stop();
  return watch.peak;
}

const small = {
  model: { size: "tiny", patchSize: 8, depth: 3, dropPathRate: 0 },
  heads: { dino: { prototypes: 1024, hiddenDim: 512, bottleneckDim: 128 } },
  crops: { globalSize: 48, localSize: 24, localCount: 4 },
  schedule: { steps: 100, warmupSteps: 0 },
  data: { batchSize: 4 },
} satisfies RecipeInput;

const manyPrototypes = {
  ...small,
  teacher: { targets: "sinkhorn-knopp" },
  heads: {
    dino: { prototypes: 32768, hiddenDim: 256, bottleneckDim: 64 },
    ibot: { separate: true, prototypes: 16384, hiddenDim: 256, bottleneckDim: 64 },
  },
} satisfies RecipeInput;

const largeNetwork = {
  ...small,
  model: { ...small.model, size: "small" },
  crops: { globalSize: 32, localSize: 16, localCount: 2 },
  data: { batchSize: 2 },
} satisfies RecipeInput;

describe("the count of a step's memory", () => {
  beforeAll(() => useBackend({ name: "wasm" }));
  afterAll(() => useBackend({ name: "cpu" }));

  it.each<[string, RecipeInput]>([
    ["plain layers, one head, centring", small],
    ["stochastic depth", { ...small, model: { ...small.model, dropPathRate: 0.4 } }],
    ["SwiGLU and registers", { ...small, model: { ...small.model, ffnLayer: "swiglufused", registerTokens: 4 } }],
    ["two heads of many prototypes, Sinkhorn-Knopp", manyPrototypes],
    ["two parts of a batch", { ...manyPrototypes, efficiency: { accumulationSteps: 2 } }],
    ["KoLeo over two parts", { ...manyPrototypes, loss: { koleoOver: "step" }, efficiency: { accumulationSteps: 2 } }],
    ["blocks that are run again", { ...small, model: { ...small.model, depth: 6 }, efficiency: { recomputeBlocks: true } }],
    ["dropped samples computed", { ...small, model: { ...small.model, dropPathRate: 0.4 }, efficiency: { skipDropped: false } }],
    ["a large network on few small crops", largeNetwork],
  ])("is within 5 % of the tensors of a step: %s", async (_name, settings) => {
    const ratio = stepMemory(parseRecipe(settings), "fp32").peak / (await measuredPeak(settings));
    expect(ratio).toBeGreaterThan(0.95);
    expect(ratio).toBeLessThan(1.05);
  });
});
