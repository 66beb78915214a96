// Images a second of the whole self-supervised training step of ViT-S/14, and its peak memory: ours beside the official code on
// every PyTorch here (see `engine.ts`). DINOV2_BACKEND chooses our engine.

import { precisionsOf, startEngine, threads } from "./engine/ours.ts";
import { peerVersions, withPeers } from "./engine/peers.ts";
import { measureTrainStep, timeUnits } from "./engine/train-step.ts";
import type { BenchOptions, BenchReport } from "./measure.ts";

export async function run({ rounds = 3, precision, onProgress = () => {} }: BenchOptions = {}): Promise<BenchReport> {
  const engine = await startEngine("fp32");
  const versions = { backend: engine.name, engine: engine.engine, threads: String(threads) };
  return withPeers(async (peers) => {
    onProgress(`Measuring beside ${peers.map(({ name }) => name).join(", ") || "nobody"}.`);
    const rows = await measureTrainStep(peers, precisionsOf(engine, precision), { rounds, time: timeUnits.images });
    return { bench: "train-step", versions: { ...versions, ...peerVersions(peers) }, rows };
  });
}
