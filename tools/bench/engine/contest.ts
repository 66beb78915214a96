// One piece of work on both sides: everybody has a try, the best of the peers meet ours in alternating rounds.

import { setTimeout } from "node:timers/promises";
import { median } from "@dinov2/foundation";
import type { BenchRow } from "../measure.ts";

/** Somebody who can do the work. */
export interface Contender {
  readonly name: string;
  /** Seconds of the work, warmed up. */
  lap(): Promise<number>;
  /** When no more laps are asked of it. */
  retire?(): Promise<void>;
}

/** What the work cost each side, the cheapest peer first: seconds, or bytes. */
export interface Outcome {
  readonly ours: number;
  readonly peers: readonly Standing[];
}

export interface Standing {
  readonly name: string;
  readonly cost: number;
}

export interface ContestOptions {
  readonly rounds: number;
  /** How many peers play the rounds; the others keep the figure of their try. */
  readonly finalists: number;
}

/** Milliseconds before a lap: threads of OpenMP keep their core busy for a while when the work is done. */
const rest = 50;

async function rested(contender: Contender): Promise<number> {
  await setTimeout(rest);
  return contender.lap();
}

/** Median seconds over the rounds. One side works at a time, on cores that are idle, and ours too has had a try: nobody starts cold. */
export async function contest(ours: Contender, peers: readonly Contender[], options: ContestOptions): Promise<Outcome> {
  const tries: { peer: Contender; seconds: number }[] = [];
  await rested(ours);
  for (const peer of peers) tries.push({ peer, seconds: await rested(peer) });
  tries.sort((a, b) => a.seconds - b.seconds);
  const [finalists, others] = [tries.slice(0, options.finalists), tries.slice(options.finalists)];
  for (const { peer } of others) await peer.retire?.();

  const players = [ours, ...finalists.map(({ peer }) => peer)];
  const laps = players.map(() => [] as number[]);
  for (let round = 0; round < options.rounds; round++) {
    for (const [i, player] of players.entries()) laps[i]!.push(await rested(player));
  }
  for (const player of players) await player.retire?.();

  const [own, ...theirs] = laps.map(median);
  const standings = [
    ...finalists.map(({ peer }, i) => ({ name: peer.name, cost: theirs[i]! })),
    ...others.map(({ peer, seconds }) => ({ name: peer.name, cost: seconds })),
  ];
  return { ours: own!, peers: cheapestFirst(standings) };
}

export const cheapestFirst = (standings: readonly Standing[]) => standings.toSorted((a, b) => a.cost - b.cost);

/** How costs become a row's figures. */
export interface Figures {
  readonly name: string;
  readonly unit: string;
  readonly figure: (cost: number) => number;
  readonly target?: number;
  readonly shareOfPeak?: number;
  readonly note?: string;
}

/** Ours beside the best peer; the note names the others. `missing` says why there is none. */
export function rowOf({ ours, peers }: Outcome, figures: Figures, missing: string): BenchRow {
  const { name, unit, figure, target, shareOfPeak, note } = figures;
  const [best, ...others] = peers;
  const beside = others.map((peer) => `${peer.name} ${Number(figure(peer.cost).toPrecision(4))}`).join(", ");
  const notes = [
    note,
    best === undefined ? missing : "",
    best !== undefined && shareOfPeak !== undefined ? roomAbove((shareOfPeak * ours) / best.cost, target) : "",
    beside && `others: ${beside}`,
  ].filter(Boolean);
  return {
    name,
    unit,
    ours: figure(ours),
    peer: best === undefined ? null : figure(best.cost),
    peerName: best?.name ?? "PyTorch",
    // Less is better, whatever the figure.
    ratio: best === undefined ? null : best.cost / ours,
    ...(target !== undefined && { target }),
    ...(shareOfPeak !== undefined && { shareOfPeak }),
    ...(notes.length > 0 && { note: notes.join("; ") }),
  };
}

/** How near to the machine's limit a peer is: nobody can be more than that much faster. */
function roomAbove(share: number, target = 0): string {
  const limit = target * share > 1 ? `, so ${(1 / share).toFixed(2)}× is the most that this machine allows` : "";
  return `the peer is at ${Math.round(100 * share)} % of the peak${limit}`;
}
