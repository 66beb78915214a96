// What one small op costs: four additions, so all of it is overhead. Forward is the op itself, its result disposed of;
// backward is what a gradient adds for each op that it goes back through.

import { type Tensor1D, tf, valueAndGradients } from "@dinov2/tensor";
import type { BenchRow } from "../measure.ts";
import { contest, rowOf } from "./contest.ts";
import { meanSeconds } from "./lap.ts";
import { startEngine } from "./ours.ts";
import { noPeer, type Peer } from "./peers.ts";

/** Ops in a chain, each on the result of the one before. */
const count = 100;
const fill = 0.2;

/** Seconds of a chain, with or without its gradient. */
type ChainSeconds = (gradient: boolean) => Promise<number>;

const perOp: Readonly<Record<string, (chain: ChainSeconds) => Promise<number>>> = {
  "add of 4 numbers, forward": async (chain) => (await chain(false)) / count,
  "add of 4 numbers, backward": async (chain) => ((await chain(true)) - (await chain(false))) / count,
};

export async function measureSmallOps(peers: readonly Peer[], rounds: number): Promise<BenchRow[]> {
  await startEngine("fp32");
  const ours = ourChain();
  const rows: BenchRow[] = [];
  for (const [name, seconds] of Object.entries(perOp)) {
    const outcome = await contest(
      { name: "ours", lap: () => seconds(ours.seconds) },
      peers.map((peer) => ({ name: peer.name, lap: () => seconds(peerChain(peer)) })),
      { rounds, finalists: peers.length },
    );
    rows.push(rowOf(outcome, { name, unit: "µs", figure: (s) => 1e6 * s, note: "aimed for: 5 µs at most" }, noPeer));
  }
  ours.dispose();
  return rows;
}

const peerChain =
  ({ process }: Peer): ChainSeconds =>
  async (gradient) =>
    (await process.ask<{ seconds: number }>({ work: "chain", count, gradient, fill })).seconds;

function ourChain(): { seconds: ChainSeconds; dispose(): void } {
  const start = tf.variable(tf.zeros<tf.Rank.R1>([4]));
  const term = tf.ones<tf.Rank.R1>([4]);
  const chain = () => {
    let total: Tensor1D = start;
    for (let i = 0; i < count; i++) total = tf.add(total, term);
    return total;
  };
  const forward = () => tf.tidy(() => void chain());
  const withGradient = () => {
    const loss = () => ({ value: tf.sum<tf.Scalar>(chain()), extras: {} });
    const { value, gradients } = valueAndGradients(loss, new Map([["start", start]]));
    tf.dispose([value, ...gradients.values()]);
  };
  // The compiler takes its time to see what is hot.
  for (const run of [forward, withGradient]) meanSeconds(run, 1);
  return {
    seconds: async (gradient) => meanSeconds(gradient ? withGradient : forward, fill),
    dispose: () => tf.dispose([start, term]),
  };
}
