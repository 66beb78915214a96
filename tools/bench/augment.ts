// Images per second of the 2 + 8 multi-crop pipeline (224 and 98 pixels), from JPEG files to collated batches, beside
// torchvision + Pillow doing the same crops: one thread each, then all cores each, in alternating rounds.

import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createLoader, decoderVersions, openDataset, type ImageDataset } from "@dinov2/data";
import { median, type BenchOptions, type BenchReport, type BenchRow } from "./measure.ts";
import { findPython, PeerProcess } from "./peer-process.ts";
import { writeSampleImages } from "./sample-images.ts";

const batchSize = 16;
const peerBatchesAhead = 2;
const prefetchBatches = 2;
const peerScript = fileURLToPath(new URL("augment_peer.py", import.meta.url));

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
  const python = findPython(["torchvision", "PIL"]);
  const started =
    python === undefined
      ? undefined
      : await PeerProcess.start<Record<string, string>>(python, [peerScript, folder, String(batchSize)]);
  try {
    const cores = availableParallelism();
    const single = await measure(dataset, 0, started?.peer, rounds);
    const all = await measure(dataset, cores, started?.peer, rounds);
    const perCore = (value: number | undefined) => value && value / cores;
    return {
      bench: "augment",
      versions: { ...decoderVersions(), ...started?.about },
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
    started?.peer.close();
  }
}

/** What a round took. */
interface Lap {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Medians over the rounds. */
interface Speed {
  readonly perSecond: number;
  /** Counts all threads of the asking process, so it says nothing when other processes do the work. */
  readonly perCpuSecond: number;
}

/** Both sides with `workers` threads or processes (0: the asking one alone), in turns. */
async function measure(
  dataset: ImageDataset,
  workers: number,
  peer: PeerProcess | undefined,
  rounds: number,
): Promise<{ ours: Speed; theirs: Speed | undefined }> {
  const loader = createLoader({ dataset, batchSize, workers, prefetchBatches, seed: 0, masking: { patchSize: 14 } });
  const batches = loader[Symbol.asyncIterator]();
  const take = async (count: number) => {
    for (let i = 0; i < count; i++) await batches.next();
  };
  const count = Math.max(8, 4 * workers);
  const ours: Lap[] = [];
  const theirs: Lap[] = [];
  try {
    // Round 0 warms both up.
    for (let round = 0; round <= rounds; round++) {
      // What was made ahead while the peer worked does not count: the clock starts when it is used up.
      await take(workers > 0 ? prefetchBatches : 1);
      const own = await timed(() => take(count));
      await untilQueueIsFull(workers && prefetchBatches, own.seconds / count);
      const answer = await peer?.ask<Lap>({ workers, batches: count });
      if (answer !== undefined) await untilQueueIsFull(workers * peerBatchesAhead, answer.seconds / count);
      if (round === 0) continue;
      ours.push(own);
      if (answer !== undefined) theirs.push(answer);
    }
  } finally {
    await loader.close();
  }
  const speed = (laps: readonly Lap[]): Speed => ({
    perSecond: (batchSize * count) / median(laps.map(({ seconds }) => seconds)),
    perCpuSecond: (batchSize * count) / median(laps.map(({ cpuSeconds }) => cpuSeconds)),
  });
  return { ours: speed(ours), theirs: peer === undefined ? undefined : speed(theirs) };
}

async function timed(work: () => Promise<void>): Promise<Lap> {
  const [start, startCpu] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(startCpu);
  return { seconds: (performance.now() - start) / 1e3, cpuSeconds: (user + system) / 1e6 };
}

/** Waits until one side's threads have filled their queue, so that they stand still in the other side's turn. */
function untilQueueIsFull(batches: number, secondsPerBatch: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1500 * batches * secondsPerBatch));
}

const noPeer =
  "No Python with torchvision and Pillow found (tried DINOV2_PYTHON, python3, /usr/bin/python3); " +
  "on Debian: apt-get install python3-torchvision.";

function row(name: string, unit: string, ours: number, peer: number | undefined): BenchRow {
  const compared = peer === undefined ? { peer: null, ratio: null, note: noPeer } : { peer, ratio: ours / peer };
  return { name, unit, ours, peerName: "torchvision + Pillow", target: 2, ...compared };
}
