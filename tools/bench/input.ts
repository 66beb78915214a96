// Whether the input keeps up: images per second from a folder of JPEGs beside the reference's loader on as many workers, the
// same from tar shards, what the loading holds in memory per image, and the share of ViT-S training steps spent waiting.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { createLoader, decoderVersions, openDataset } from "@dinov2/data";
import { InputError, median } from "@dinov2/foundation";
import { useBackend } from "@dinov2/tensor";
import { parseRecipe, pretrain } from "@dinov2/training";
import { batchSize, measure, noPeer, type Peer, peerName, startPeer } from "./loader-contest.ts";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";
import { writeSampleImages } from "./sample-images.ts";

/** Of the steps whose waiting is measured, after a first one that warms up. */
const steps = 5;
const stepBatch = 4;
const mebibyte = 2 ** 20;

export async function run({ images, rounds = 3, onProgress }: BenchOptions = {}): Promise<BenchReport> {
  const scratch = await mkdtemp(join(tmpdir(), "dinov2-bench-"));
  try {
    const folder = images ?? join(scratch, "images");
    if (images === undefined) await writeSampleImages(folder, 64);
    const shard = join(scratch, "shard.tar");
    await makeShard(folder, shard);
    const peer = await startPeer(folder);
    try {
      const workers = availableParallelism();
      onProgress?.("images/s");
      const speed = await speedRows(folder, shard, workers, rounds, peer);
      onProgress?.("memory");
      const memory = await memoryRow(folder, workers, peer);
      onProgress?.("training steps");
      return { bench: "input", versions: { ...decoderVersions(), ...peer?.versions }, rows: [...speed, memory, await waitRow(folder, scratch)] };
    } finally {
      peer?.process.close();
    }
  } finally {
    await rm(scratch, { recursive: true });
  }
}

async function speedRows(folder: string, shard: string, workers: number, rounds: number, peer: Peer | undefined): Promise<BenchRow[]> {
  const files = await measure(await openDataset(join(folder, "*.jpg")), workers, peer?.process, rounds);
  const packed = await measure(await openDataset(shard), workers, undefined, rounds);
  const row = (name: string, ours: number): BenchRow => ({ name, unit: "images/s", ours, ...against(files.theirs?.perSecond, (theirs) => ours / theirs) });
  return [row(`JPEG files, ${workers} workers`, files.ours.perSecond), row(`a tar shard (peer: files), ${workers} workers`, packed.ours.perSecond)];
}

/** What loading adds to the process (for the peer: to its processes), per image in the batches that are being made. */
async function memoryRow(folder: string, workers: number, peer: Peer | undefined): Promise<BenchRow> {
  const prefetchBatches = 2;
  const dataset = await openDataset(join(folder, "*.jpg"));
  const before = heldBytes();
  const loader = createLoader({ dataset, batchSize, workers, prefetchBatches, seed: 0, masking: { patchSize: 14 } });
  let most = 0;
  for await (const batch of loader) {
    most = Math.max(most, heldBytes() - before, batch.globalCrops.data.byteLength);
    loader.recycle(batch);
    if (loader.step === 12) break;
  }
  await loader.close();
  const ours = most / mebibyte / (batchSize * (prefetchBatches + 1));
  const theirs = await peerMemory(workers, peer);
  const name = `memory of the loader, ${workers} workers`;
  return { name, unit: "MiB/image in flight", ours, ...against(theirs, (bytes) => bytes / ours) };
}

/** Two batches a worker are ahead by default, and one is in hand. */
async function peerMemory(workers: number, peer: Peer | undefined): Promise<number | undefined> {
  if (peer === undefined) return undefined;
  const held = async () => (await peer.process.ask<{ bytes: number }>({ memory: true })).bytes;
  await peer.process.ask({ workers, batches: 8 });
  return ((await held()) - peer.idleBytes) / mebibyte / (batchSize * (2 * workers + 1));
}

/** Proportional set size (pages shared with others count by their share), where the system says it; else the resident set. */
function heldBytes(): number {
  if (process.platform !== "linux") return process.memoryUsage.rss();
  const kibibytes = /^Pss:\s+(\d+)/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1];
  return 1024 * Number(kibibytes);
}

/** Real training steps: the share of each in which the network had nothing to work on. */
async function waitRow(folder: string, scratch: string): Promise<BenchRow> {
  const engine = await useBackend({ name: "auto" });
  const recipe = parseRecipe({
    model: { size: "small", patchSize: 14 },
    crops: { localSize: 98 },
    data: { batchSize: stepBatch, cacheMebibytes: 0 },
    schedule: { steps: steps + 1, warmupSteps: 0 },
  });
  const shares: number[] = [];
  const seconds: number[] = [];
  await pretrain({
    recipe,
    data: join(folder, "*.jpg"),
    out: join(scratch, "run"),
    onStep: (record) => {
      shares.push(record.data_wait_share as number);
      seconds.push(record.step_seconds as number);
    },
  });
  const step = median(seconds.slice(1));
  return {
    name: `share of a ViT-S/14 step that waits, batch ${stepBatch}`,
    unit: "share",
    ours: median(shares.slice(1)),
    peer: null,
    peerName,
    ratio: null,
    note: `on ${engine.name}, ${step.toPrecision(3)} s a step; the goal is below 0.05`,
  };
}

function against(theirs: number | undefined, ratio: (theirs: number) => number): Pick<BenchRow, "peer" | "peerName" | "ratio" | "note"> {
  return theirs === undefined ? { peer: null, peerName, ratio: null, note: noPeer } : { peer: theirs, peerName, ratio: ratio(theirs) };
}

/** One archive of the folder's JPEGs, by tar(1). */
async function makeShard(folder: string, shard: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".jpg")).sort();
  if (names.length === 0) throw new InputError(`${folder} holds no .jpg; give --images a folder of JPEGs.`);
  const { status, stderr } = spawnSync("tar", ["-cf", shard, "-C", folder, "--", ...names], { encoding: "utf8" });
  if (status !== 0) throw new InputError(`tar cannot pack ${folder}: ${stderr.trim()}`);
}
