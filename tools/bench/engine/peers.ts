// The peers: every Python here that has PyTorch, each as it comes and with the settings that make it fastest on a processor.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InputError } from "@dinov2/foundation";
import type { Precision } from "@dinov2/tensor";
import { findPythons, PeerProcess } from "../peer-process.ts";
import type { Contender } from "./contest.ts";
import { threads } from "./ours.ts";

const script = fileURLToPath(new URL("peer/main.py", import.meta.url));

/** One way to run PyTorch. */
export interface Installation {
  readonly python: string;
  readonly tuned: boolean;
}

export interface Peer extends Installation {
  /** Version and settings. */
  readonly name: string;
  readonly torch: string;
  /** The code of backbone, head and losses; undefined when it has none, and `networksMissing` says why. */
  readonly networks: string | undefined;
  readonly networksMissing: string | undefined;
  readonly process: PeerProcess;
}

export const noPeer =
  "No Python with PyTorch found (tried DINOV2_PYTHON, python3, /usr/bin/python3); on Debian: apt-get install python3-torch.";

function findInstallations(): Installation[] {
  return findPythons(["torch"]).flatMap((python) => [false, true].map((tuned) => ({ python, tuned })));
}

export async function startPeer(installation: Installation): Promise<Peer> {
  const reference = process.env["DINOV2_REFERENCE"];
  const args = [script, String(threads), ...(reference ? [reference] : [])];
  type About = { torch: string; networks?: string; networksMissing?: string };
  const { peer, about } = await PeerProcess.start<About>(installation.python, args, environmentOf(installation));
  if (reference && about.networks === undefined) {
    peer.close();
    throw new InputError(
      `DINOV2_REFERENCE=${reference} is not a checkout of the DINOv2 repository that ${installation.python} can import: ${about.networksMissing}.`,
    );
  }
  return {
    ...installation,
    name: `torch ${about.torch} ${installation.tuned ? "tuned" : "as it comes"}`,
    torch: about.torch,
    networks: about.networks,
    networksMissing: about.networksMissing,
    process: peer,
  };
}

/** Starts every peer there is for as long as `work` takes. */
export async function withPeers<T>(work: (peers: readonly Peer[]) => Promise<T>): Promise<T> {
  const peers: Peer[] = [];
  try {
    for (const installation of findInstallations()) peers.push(await startPeer(installation));
    return await work(peers);
  } finally {
    for (const { process } of peers) process.close();
  }
}

/** What each peer runs. */
export const peerVersions = (peers: readonly Peer[]): Record<string, string> =>
  Object.fromEntries(peers.map(({ name, networks, networksMissing }) => [name, networks ?? `no networks: ${networksMissing}`]));

/** Everybody who can run ViT-S/14 in a precision. As it comes, nobody is at his best; float32 alone shows what that costs. */
export const runnersOf = (peers: readonly Peer[], precision: Precision): { peer: Peer; mode: PeerMode }[] =>
  peers
    .filter(({ networks, tuned }) => networks !== undefined && (tuned || precision === "fp32"))
    .flatMap((peer) => peerModes[precision].map((mode) => ({ peer, mode })));

/** Why there is nobody to run ViT-S/14. */
export const noNetworks = (peers: readonly Peer[]) =>
  peers.length === 0
    ? noPeer
    : "No Python with PyTorch has transformers; install it, or name a checkout of the DINOv2 repository in DINOV2_REFERENCE.";

/**
 * The ways in which PyTorch computes in a precision: `autocast` casts float32 parameters op by op, `copies` keeps parameters
 * of that type.
 */
const peerModes = { fp32: ["plain"], bf16: ["autocast", "copies"] } as const;
export type PeerMode = (typeof peerModes)[Precision][number];

export const nameWithMode = ({ name, networks }: Peer, mode: PeerMode) =>
  `${name}, ${networks}${mode === "plain" ? "" : ` with ${mode}`}`;

/** A process that answers requests, at one kind of work. */
export function contender(process: PeerProcess, name: string, request: object): Contender {
  return { name, lap: async () => (await process.ask<{ seconds: number }>(request)).seconds };
}

/**
 * What a PyTorch on a processor should be told: threads that wait without spinning, an allocator that keeps its memory,
 * and a processor that OpenBLAS does not know by name. As it comes, a peer has none of it, whatever we were started with.
 */
function environmentOf({ tuned }: Installation): Record<string, string | undefined> {
  const settings = {
    OMP_WAIT_POLICY: "PASSIVE",
    MALLOC_MMAP_THRESHOLD_: String(4 * 2 ** 30),
    MALLOC_TRIM_THRESHOLD_: String(64 * 2 ** 30),
    MALLOC_TOP_PAD_: String(2 ** 28),
    OPENBLAS_CORETYPE: hasAvx512() ? "SKYLAKEX" : undefined,
  };
  const unset = Object.fromEntries(Object.keys(settings).map((name) => [name, undefined]));
  return { ...(tuned ? settings : unset), PYTHONDONTWRITEBYTECODE: "1" };
}

function hasAvx512(): boolean {
  try {
    return readFileSync("/proc/cpuinfo", "utf8").includes(" avx512f");
  } catch {
    return false;
  }
}
