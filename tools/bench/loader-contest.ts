// Our loader and the reference's, torchvision on Pillow images behind a DataLoader, giving batches of 2 + 8 crops from the same
// folder of JPEGs in turns.

import { fileURLToPath } from "node:url";
import { createLoader, type ImageDataset } from "@dinov2/data";
import { median } from "@dinov2/foundation";
import { findPython, PeerProcess } from "./peer-process.ts";

export const batchSize = 16;
const peerBatchesAhead = 2;
const prefetchBatches = 2;
const peerScript = fileURLToPath(new URL("augment_peer.py", import.meta.url));

export interface Peer {
  readonly process: PeerProcess;
  readonly versions: Readonly<Record<string, string>>;
  /** What it holds before it loads anything. */
  readonly idleBytes: number;
}

/** Starts the peer on the JPEGs of `folder`; undefined where no Python has what it needs. */
export async function startPeer(folder: string): Promise<Peer | undefined> {
  const python = findPython(["torchvision", "PIL"]);
  if (python === undefined) return undefined;
  const { peer, about } = await PeerProcess.start<Record<string, string>>(python, [peerScript, folder, String(batchSize)]);
  const { bytes } = await peer.ask<{ bytes: number }>({ memory: true });
  return { process: peer, versions: about, idleBytes: bytes };
}

export const peerName = "torchvision + Pillow";
export const noPeer =
  "No Python with torchvision and Pillow found (tried DINOV2_PYTHON, python3, /usr/bin/python3); " +
  "on Debian: apt-get install python3-torchvision.";

/** What a round took. */
interface Lap {
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** Medians over the rounds. */
export interface Speed {
  readonly perSecond: number;
  /** Counts all threads of the asking process, so it says nothing when other processes do the work. */
  readonly perCpuSecond: number;
}

/** Both sides with `workers` threads or processes (0: the asking one alone), in turns. */
export async function measure(
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
