// What each saving of the training step is worth (paper, section 5): ViT-S/14's step with it and without, each in a process of its own, by
// turns. Ours is with it, the peer is ourselves without. DINOV2_BACKEND chooses the engine.

import type { Precision } from "@dinov2/tensor";
import type { RecipeInput } from "@dinov2/training";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";
import { contest, rowOf } from "./engine/contest.ts";
import { precisionsOf, startEngine, threads } from "./engine/ours.ts";
import { inOwnProcess, startOwnStep } from "./engine/own-process.ts";

/** One way to run the step. */
interface Way {
  readonly precision: Precision;
  readonly efficiency: NonNullable<RecipeInput["efficiency"]>;
}

const naive = { packCrops: false, skipDropped: false, headsOnHiddenOnly: false };

/** With each saving, and without it. */
const savings: Readonly<Record<string, readonly [own: Partial<Way>, other: Partial<Way>]>> = {
  "crops of both sizes in one packed pass": [{}, { efficiency: { packCrops: false } }],
  "stochastic depth skips what it drops": [{}, { efficiency: { skipDropped: false } }],
  "heads on hidden patches only": [{}, { efficiency: { headsOnHiddenOnly: false } }],
  "these three": [{}, { efficiency: naive }],
  "blocks run again on the way back": [{ efficiency: { recomputeBlocks: true } }, {}],
  "the step in two parts": [{ efficiency: { accumulationSteps: 2 } }, {}],
  "bf16": [{ precision: "bf16" }, { precision: "fp32" }],
};

export async function run({ rounds = 3, onProgress = () => {} }: BenchOptions = {}): Promise<BenchReport> {
  const engine = await startEngine("fp32");
  const precisions = precisionsOf(engine);
  const rows: BenchRow[] = [];
  for (const [name, pair] of Object.entries(savings)) {
    const [own, other] = pair.map(({ precision = "fp32", efficiency = {} }) => ({ precision, efficiency })) as [Way, Way];
    if (![own, other].every(({ precision }) => precisions.includes(precision))) continue;
    onProgress(`Measuring: ${name}.`);
    rows.push(...(await measure(name, own, other, rounds)));
  }
  return { bench: "efficiency", versions: { backend: engine.name, engine: engine.engine, threads: String(threads) }, rows };
}

const [withIt, withoutIt] = ["with it", "without it"];

/** Step time and peak memory. */
async function measure(name: string, own: Way, other: Way, rounds: number): Promise<BenchRow[]> {
  const peaks = new Map<string, number>();
  const contender = (side: string, { precision, efficiency }: Way) =>
    inOwnProcess(side, async () => (await startOwnStep(precision, efficiency)).peer, { work: "step" }, peaks);
  const time = await contest(contender(withIt, own), [contender(withoutIt, other)], { rounds, finalists: 1 });
  const memory = { ours: peaks.get(withIt)!, peers: [{ name: withoutIt, cost: peaks.get(withoutIt)! }] };
  return [
    rowOf(time, { name, unit: "ms/step", figure: (seconds) => 1000 * seconds }, ""),
    rowOf(memory, { name: `${name}: peak memory`, unit: "MiB", figure: (bytes) => bytes / 2 ** 20 }, ""),
  ];
}
