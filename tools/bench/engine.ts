// Our engine beside PyTorch, from a matrix product to a training step: the fastest of all Pythons here that have PyTorch, each
// as it comes and tuned. The official code runs on it with DINOV2_REFERENCE=CHECKOUT, else transformers' Dinov2Model. Shares
// are of the fastest product that either side ran in that precision. DINOV2_BACKEND chooses our engine; `--profile` shows
// where its training step spends its time instead.

import type { BenchOptions, BenchReport } from "./measure.ts";
import { measureForward } from "./engine/forward.ts";
import { precisionsOf, startEngine, threads } from "./engine/ours.ts";
import { peerVersions, withPeers } from "./engine/peers.ts";
import { measureProducts } from "./engine/products.ts";
import { profileTrainStep } from "./engine/profile.ts";
import { measureSmallOps } from "./engine/small-ops.ts";
import { measureTrainStep, timeUnits } from "./engine/train-step.ts";

export async function run({ rounds = 3, precision, profile = false, onProgress = () => {} }: BenchOptions = {}): Promise<BenchReport> {
  const engine = await startEngine("fp32");
  const precisions = precisionsOf(engine, precision);
  const versions = { backend: engine.name, engine: engine.engine, threads: String(threads) };
  if (profile) {
    const rows = [];
    for (const each of precisions) rows.push(...(await profileTrainStep(each, rounds)));
    return { bench: "engine", versions, rows };
  }

  return withPeers(async (peers) => {
    onProgress(`Measuring beside ${peers.map(({ name }) => name).join(", ") || "nobody"}: matrix products.`);
    const products = await measureProducts(peers, precisions, rounds);
    onProgress("Small ops.");
    const smallOps = await measureSmallOps(peers, rounds);
    onProgress("Forward pass of ViT-S/14.");
    const forward = await measureForward(peers, precisions, products.peaks, rounds);
    onProgress("Training step of ViT-S/14.");
    const trainStep = await measureTrainStep(peers, precisions, { rounds, time: timeUnits.step, peaks: products.peaks });
    return {
      bench: "engine",
      versions: { ...versions, ...peerVersions(peers) },
      rows: [...products.rows, ...smallOps, ...forward, ...trainStep],
    };
  });
}
