// k-NN at the size of ImageNet: 1.28 million features of width 384 as the bank, the 200 nearest of each query, beside PyTorch's
// product and topk in blocks, on the engine that `auto` takes (DINOV2_BACKEND chooses another). Time grows in proportion to
// the queries, of which some stand for the 50,000; `--full` measures all. The peer is the fastest Python here at its fastest block.

import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { type FeatureMatrix, nearestNeighbours } from "@dinov2/evaluation";
import { median } from "@dinov2/foundation";
import { backendFromEnvironment, useBackend } from "@dinov2/tensor";
import type { BenchOptions, BenchReport, BenchRow } from "./measure.ts";
import { findPythons, PeerProcess } from "./peer-process.ts";

/** PART queries are all that is measured as it comes, and what the peer searches for at once. */
const [ROWS, WIDTH, PART, K] = [1_280_000, 384, 2048, 200];
const ALL_QUERIES = 50_000;
/** What the peers choose their block among, and the part of the bank that they do so on. */
const [PEER_BLOCKS, CONTEST_ROWS] = [[8192, 65_536], 131_072];
const threads = availableParallelism();

interface Peer {
  readonly name: string;
  readonly process: PeerProcess;
  readonly block: number;
  readonly seconds: number;
}

export async function run({ full = false, rounds = full ? 1 : 3, onProgress = () => {} }: BenchOptions = {}): Promise<BenchReport> {
  const count = full ? ALL_QUERIES : PART;
  const backend = await useBackend({ threads, ...backendFromEnvironment() });
  const peer = await fastestPeer(onProgress);
  try {
    onProgress(`Making ${ROWS} features.`);
    const [bank, queries] = [randomRows(ROWS), randomRows(count)];
    const laps: Pair[] = [];
    for (let lap = 0; lap < rounds; lap++) {
      onProgress(`Lap ${lap + 1} of ${rounds}.`);
      laps.push({ ours: await secondsOf(bank, queries), peer: peer && (await askSeconds(peer.process, ROWS, count, peer.block)) });
    }
    const memory = { ours: await peakBytes(), peer: peer && (await peer.process.ask<{ bytes: number }>({ memory: true })).bytes };
    return {
      bench: "knn",
      versions: { backend: backend.name, engine: backend.engine, threads: String(threads), ...(peer && { peer: peer.name }) },
      rows: rowsOf(count, laps, memory, peer),
    };
  } finally {
    peer?.process.close();
  }
}

type Pair = { readonly ours: number; readonly peer: number | undefined };

function rowsOf(queries: number, laps: readonly Pair[], memory: Pair, peer: Peer | undefined): BenchRow[] {
  const size = `${K} nearest among ${ROWS} × ${WIDTH}`;
  const ours = median(laps.map((lap) => lap.ours));
  const none = "No Python with PyTorch found (tried DINOV2_PYTHON, python3, /usr/bin/python3).";
  const peerName = peer ? `${peer.name}, product and topk` : "PyTorch";
  const all = queries === ALL_QUERIES ? "" : `${ALL_QUERIES} queries take ${Math.round((ours / queries) * ALL_QUERIES)} s; `;
  const gibibytes = (bytes: number | undefined) => (bytes === undefined ? null : bytes / 2 ** 30);
  return [
    {
      name: `${size}, ${queries} queries`,
      unit: "s",
      ours,
      peer: peer ? median(laps.map((lap) => lap.peer!)) : null,
      peerName,
      ratio: peer ? median(laps.map((lap) => lap.peer! / lap.ours)) : null,
      target: 1.5,
      note: peer ? `${all}laps in turn, the peer's blocks of ${peer.block} rows${queries > PART ? ` for ${PART} queries at once` : ""}` : none,
    },
    {
      name: `${size}, peak memory of the process`,
      unit: "GiB",
      ours: gibibytes(memory.ours)!,
      peer: gibibytes(memory.peer),
      peerName,
      ratio: memory.peer === undefined ? null : memory.peer / memory.ours,
      note: peer ? `of which the bank is ${((ROWS * WIDTH * 4) / 2 ** 30).toFixed(2)}` : none,
    },
  ];
}

async function secondsOf(bank: FeatureMatrix, queries: FeatureMatrix): Promise<number> {
  const start = performance.now();
  await nearestNeighbours(bank, queries, K);
  return (performance.now() - start) / 1000;
}

/** Uniform numbers around 0: rows in random directions, which is all that the search sees of them. */
function randomRows(count: number): FeatureMatrix {
  const values = new Float32Array(count * WIDTH);
  let state = count;
  for (let i = 0; i < values.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    values[i] = state / 2 ** 31;
  }
  return { count, width: WIDTH, values };
}

async function fastestPeer(onProgress: (message: string) => void): Promise<Peer | undefined> {
  let fastest: Peer | undefined;
  for (const python of findPythons(["torch"])) {
    const { peer, about } = await PeerProcess.start<{ torch: string }>(python, [fileURLToPath(new URL("knn_peer.py", import.meta.url)), String(threads)]);
    const before = fastest;
    for (const block of PEER_BLOCKS) {
      await askSeconds(peer, CONTEST_ROWS, PART, block);
      const seconds = await askSeconds(peer, CONTEST_ROWS, PART, block);
      onProgress(`torch ${about.torch}, blocks of ${block}: ${seconds.toFixed(2)} s for ${CONTEST_ROWS} rows.`);
      if (seconds < (fastest?.seconds ?? Infinity)) fastest = { name: `torch ${about.torch}`, process: peer, block, seconds };
    }
    (fastest?.process === peer ? before?.process : peer)?.close();
  }
  return fastest;
}

const askSeconds = async (peer: PeerProcess, rows: number, queries: number, block: number) =>
  (await peer.ask<{ seconds: number }>({ rows, width: WIDTH, queries, part: PART, k: K, block })).seconds;

/** The most that this process ever held, where the system tells; else what it holds now. */
async function peakBytes(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(status);
  return peak ? Number(peak[1]) * 1024 : process.memoryUsage.rss();
}
