import { RandomStream, tf, useBackend } from "@dinov2/tensor";
import { pretrainStep } from "./src/pretrain-step.ts";
import { createTrainingState } from "./src/training-state.ts";
import { parseRecipe } from "./src/recipe.ts";
import { toTensors } from "./src/batch.ts";
import { collate } from "../data/src/collate.ts";

const big = process.argv[3] !== "demo";
const recipe = parseRecipe(big ? {
  model: { size: "tiny", depth: 6, patchSize: 8, dropPathRate: 0 },
  heads: { dino: { prototypes: 4096, hiddenDim: 512, bottleneckDim: 128 } },
  teacher: { targets: "sinkhorn-knopp" },
  crops: { globalSize: 64, localSize: 32, localCount: 4 },
  data: { batchSize: 32 },
} : {
  model: { size: "tiny", embedDim: 128, numHeads: 4, depth: 4, patchSize: 8, dropPathRate: 0 },
  heads: { dino: { prototypes: 1024, hiddenDim: 256, bottleneckDim: 64 } },
  teacher: { targets: "sinkhorn-knopp" },
  crops: { globalSize: 48, localSize: 24, localCount: 4 },
  data: { batchSize: 32 },
});
console.log(await useBackend({ name: process.argv[2] as "wasm" }));
const random = RandomStream.fromSeed(0);
const crop = (side: number) => Float32Array.from({ length: 3 * side * side }, () => random.normal());
const samples = Array.from({ length: recipe.data.batchSize }, (_, i) => ({
  name: `${i}`,
  globalCrops: [crop(recipe.crops.globalSize), crop(recipe.crops.globalSize)],
  localCrops: Array.from({ length: recipe.crops.localCount }, () => crop(recipe.crops.localSize)),
}));
const batch = toTensors(collate(samples, { patchSize: 8, maskRatio: [0.1, 0.5], maskProbability: 0.5, exactCount: false }, random));
const state = createTrainingState(recipe);
const at = { learningRate: 0.001, lastLayerLearningRate: 0.001, weightDecay: 0.04, teacherMomentum: 0.99, teacherTemperature: 0.05 };
for (let i = 0; i < 3; i++) await pretrainStep(state, batch, at, recipe, random);
const times: number[] = [];
for (let i = 0; i < 5; i++) {
  const t = performance.now();
  await pretrainStep(state, batch, at, recipe, random);
  times.push(performance.now() - t);
}
console.log("ms per step", times.map((t) => t.toFixed(0)).join(" "));
// kernels
const engine = tf.engine() as unknown as { runKernel(name: string, ...rest: unknown[]): unknown };
const spent = new Map<string, [number, number]>();
const original = engine.runKernel.bind(engine);
engine.runKernel = (name, ...rest) => {
  const t = performance.now();
  const r = original(name, ...rest);
  const e = spent.get(name) ?? [0, 0];
  e[0] += performance.now() - t; e[1]++;
  spent.set(name, e);
  return r;
};
const t0 = performance.now();
await pretrainStep(state, batch, at, recipe, random);
console.log("total", (performance.now() - t0).toFixed(0), "tensors", tf.memory().numTensors);
for (const [name, [ms, n]] of [...spent].sort((a, b) => b[1][0] - a[1][0]).slice(0, 28)) console.log(name.padEnd(28), ms.toFixed(1).padStart(8), n);
process.exit();
