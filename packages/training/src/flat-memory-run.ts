// Run by flat-memory.test.ts in a process of its own: trains for 1,000 steps, each on another batch with other masks, and prints
// what the process and its tensors take around the 200th of them and at the end.
import { readFileSync } from "node:fs";
import { backendFromEnvironment, RandomStream, tf, useBackend } from "@dinov2/tensor";
import { disposeBatch } from "./batch.ts";
import { pretrainStep } from "./pretrain-step.ts";
import { createSchedules } from "./schedules.ts";
import { noiseBatch, tinyRecipe } from "./testing.ts";
import { createTrainingState } from "./training-state.ts";

const recipe = tinyRecipe({
  model: { embedDim: 24, depth: 2, numHeads: 2, dropPathRate: 0.3 },
  heads: { dino: { prototypes: 512, hiddenDim: 64, bottleneckDim: 32 } },
  schedule: { steps: 1000 },
  data: { batchSize: 4 },
});

const { device = "cpu" } = backendFromEnvironment();
await useBackend({ name: "libtorch", device });
const state = createTrainingState(recipe);
const settings = createSchedules(recipe);
const random = RandomStream.fromSeed(0);

const collectGarbage = (globalThis as { gc?: () => void }).gc!; // with --expose-gc
let step = 0;

async function trainTo(end: number): Promise<void> {
  for (; step < end; step++) {
    const batch = noiseBatch(recipe, step);
    await pretrainStep(state, batch, settings(step), recipe, random.split(step));
    disposeBatch(batch);
  }
}

/** Without the pages of library files, which the system drops and reads again as it likes. */
function ownResidentBytes(): number {
  const [, kibibytes] = readFileSync("/proc/self/status", "utf8").match(/^RssAnon:\s+(\d+) kB/m)!;
  return 1024 * Number(kibibytes);
}

/** What stays: the least of several looks on the way to `end`, as garbage that is not collected yet comes and goes by some 3 %. */
async function memoryOnTheWayTo(end: number): Promise<object> {
  let residentBytes = Infinity;
  while (step < end) {
    await trainTo(step + 25);
    collectGarbage();
    residentBytes = Math.min(residentBytes, ownResidentBytes());
  }
  const { numTensors, numBytes } = tf.memory();
  return { residentBytes, numTensors, numBytes };
}

await trainTo(100);
const early = await memoryOnTheWayTo(300);
await trainTo(800);
console.log(JSON.stringify({ steps: step, early, late: await memoryOnTheWayTo(1000) }));
