// Our training step in a process of its own, so that its peak memory is that of a step. It speaks as the peer does: says
// on a line of JSON what it is, then answers {"work": "step"} with {"seconds"} and {"work": "memory"} with {"peakBytes"}.
// Arguments: the precision, and the recipe's `efficiency` as JSON where it is not the default one.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { type Precision, RandomStream } from "@dinov2/tensor";
import { createSchedules, createTrainingState, pretrainStep, type Recipe } from "@dinov2/training";
import { noiseParts } from "../noise-batch.ts";
import { startEngine } from "./ours.ts";
import { stepRecipeWith } from "./step-recipe.ts";

const say = (value: object) => console.log(JSON.stringify(value));

const [, , precision, efficiency = "{}"] = process.argv;
await startEngine(precision as Precision);
const recipe = stepRecipeWith(JSON.parse(efficiency) as Recipe["efficiency"]);
const state = createTrainingState(recipe);
const parts = noiseParts(recipe);
const settings = createSchedules(recipe)(recipe.schedule.warmupSteps);
const random = RandomStream.fromSeed(0);
let steps = 0;

async function secondsOfStep(): Promise<number> {
  const start = performance.now();
  await pretrainStep(state, parts, settings, recipe, random.split(steps++));
  return (performance.now() - start) / 1000;
}

/** The most memory that the process ever held. */
function peakBytes(): number {
  const [, kibibytes] = /VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return 1024 * Number(kibibytes);
}

await secondsOfStep();
say({ maskIndices: [...parts[0]!.maskIndices] });
for await (const line of createInterface({ input: process.stdin })) {
  const { work } = JSON.parse(line) as { work: "step" | "memory" };
  say(work === "step" ? { seconds: await secondsOfStep() } : { peakBytes: peakBytes() });
}
