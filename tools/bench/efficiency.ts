// What each saving of the training step is worth (paper, section 5): ViT-S/14's step with it and without, each in a process of its own, by
// turns. Ours is with it, the peer is ourselves without. DINOV2_BACKEND chooses the engine.

import { fileURLToPath } from "node:url";
import type { Precision } from "@dinov2/tensor";
import type { RecipeInput } from "@dinov2/training";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";
import { median } from "./measure.ts";
import { precisionsOf, startEngine, threads } from "./engine/ours.ts";
import { PeerProcess } from "./peer-process.ts";

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
  for (const [name, [own, other]] of Object.entries(savings)) {
    const ways = [own, other].map(({ precision = "fp32", efficiency = {} }) => ({ precision, efficiency }));
    if (!ways.every(({ precision }) => precisions.includes(precision))) continue;
    onProgress(`Measuring: ${name}.`);
    const [ours, peer] = await byTurns(ways, rounds);
    rows.push(row(name, "ms/step", 1000 * ours!.seconds, 1000 * peer!.seconds));
    rows.push(row(`${name}: peak memory`, "MiB", ours!.peakBytes / 2 ** 20, peer!.peakBytes / 2 ** 20));
  }
  return { bench: "efficiency", versions: { backend: engine.name, engine: engine.engine, threads: String(threads) }, rows };
}

const row = (name: string, unit: string, ours: number, peer: number): BenchRow => ({
  ...{ name, unit, ours, peer },
  peerName: "without it",
  ratio: peer / ours,
});

const script = fileURLToPath(new URL("engine/step-process.ts", import.meta.url));

/** The median step and the peak memory of each way. */
async function byTurns(ways: readonly Way[], rounds: number): Promise<{ seconds: number; peakBytes: number }[]> {
  const processes: PeerProcess[] = [];
  try {
    for (const { precision, efficiency } of ways) {
      const args = [...process.execArgv, script, precision, JSON.stringify(efficiency)];
      processes.push((await PeerProcess.start(process.execPath, args)).peer);
    }
    const laps = ways.map(() => [] as number[]);
    for (let round = 0; round < rounds; round++) {
      for (const [i, each] of processes.entries()) laps[i]!.push((await each.ask<{ seconds: number }>({ work: "step" })).seconds);
    }
    const measured = [];
    for (const [i, each] of processes.entries()) {
      const { peakBytes } = await each.ask<{ peakBytes: number }>({ work: "memory" });
      measured.push({ seconds: median(laps[i]!), peakBytes });
    }
    return measured;
  } finally {
    for (const each of processes) each.close();
  }
}
