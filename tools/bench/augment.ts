// Images per second of the 2 + 8 multi-crop pipeline (224 and 98 pixels), from JPEG files to collated batches, beside
// torchvision + Pillow doing the same crops: one thread each, then all cores each, in alternating rounds.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { decoderVersions, openDataset } from "@dinov2/data";
import { measure, noPeer, peerName, startPeer } from "./loader-contest.ts";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";
import { writeSampleImages } from "./sample-images.ts";

export async function run({ images, rounds = 5 }: BenchOptions = {}): Promise<BenchReport> {
  const made = images === undefined ? await mkdtemp(join(tmpdir(), "dinov2-bench-")) : undefined;
  try {
    if (made !== undefined) await writeSampleImages(made, 64);
    return await compare(images ?? made!, rounds);
  } finally {
    if (made !== undefined) await rm(made, { recursive: true });
  }
}

async function compare(folder: string, rounds: number): Promise<BenchReport> {
  const dataset = await openDataset(join(folder, "*.jpg"));
  const peer = await startPeer(folder);
  try {
    const cores = availableParallelism();
    const single = await measure(dataset, 0, peer?.process, rounds);
    const all = await measure(dataset, cores, peer?.process, rounds);
    const perCore = (value: number | undefined) => value && value / cores;
    return {
      bench: "augment",
      versions: { ...decoderVersions(), ...peer?.versions },
      rows: [
        row("2 + 8 crops, one thread", "images/s", single.ours.perSecond, single.theirs?.perSecond),
        // What other programs do on the machine hardly changes this one.
        row("2 + 8 crops, one thread", "images/CPU s", single.ours.perCpuSecond, single.theirs?.perCpuSecond),
        row(`2 + 8 crops, ${cores} threads`, "images/s", all.ours.perSecond, all.theirs?.perSecond),
        row(
          `2 + 8 crops, ${cores} threads`,
          "images/s per core",
          all.ours.perSecond / cores,
          perCore(all.theirs?.perSecond),
        ),
      ],
    };
  } finally {
    peer?.process.close();
  }
}

function row(name: string, unit: string, ours: number, peer: number | undefined): BenchRow {
  const compared = peer === undefined ? { peer: null, ratio: null, note: noPeer } : { peer, ratio: ours / peer };
  return { name, unit, ours, peerName, target: 2, ...compared };
}
