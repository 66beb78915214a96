// A whole self-supervised training step, its time and its peak memory, each side in a process of its own.

import type { Precision } from "@dinov2/tensor";
import { stepFlops } from "@dinov2/training";
import type { BenchRow } from "../measure.ts";
import { cheapestFirst, contest, type Outcome, rowOf } from "./contest.ts";
import { inOwnProcess, startOwnStep } from "./own-process.ts";
import { nameWithMode, noNetworks, type Peer, runnersOf, startPeer } from "./peers.ts";
import type { Peaks } from "./products.ts";
import { stepRecipe } from "./step-recipe.ts";

const { data, heads, model } = stepRecipe;
const title = `ViT-S/14 train step, batch ${data.batchSize}`;

/** How a step's seconds are told. */
export const timeUnits = {
  step: { unit: "ms/step", figure: (seconds: number) => 1000 * seconds },
  images: { unit: "images/s", figure: (seconds: number) => data.batchSize / seconds },
};

interface TrainStepOptions {
  readonly rounds: number;
  readonly time: (typeof timeUnits)[keyof typeof timeUnits];
  /** Shares of these are told, where there are any. */
  readonly peaks?: Peaks;
}

export async function measureTrainStep(
  peers: readonly Peer[],
  precisions: readonly Precision[],
  { rounds, time: timeUnit, peaks }: TrainStepOptions,
): Promise<BenchRow[]> {
  const rows: BenchRow[] = [];
  let peersInFp32: Outcome["peers"] = [];
  for (const precision of precisions) {
    const { time, memory } = await measure(peers, precision, rounds);
    const shareOfPeak = peaks && { shareOfPeak: stepFlops(stepRecipe) / time.ours / peaks[precision]! };
    const timeRow = (name: string, outcome: Outcome, target?: number) =>
      rowOf(outcome, { name, ...timeUnit, ...shareOfPeak, ...(target !== undefined && { target }) }, noNetworks(peers));
    if (precision === "fp32") {
      peersInFp32 = time.peers;
      rows.push(timeRow(`${title}, fp32`, time, 1.5));
    } else {
      rows.push(timeRow(`${title}, bf16 beside fp32`, { ...time, peers: peersInFp32 }, 2.5));
      rows.push(timeRow(`${title}, bf16`, time));
    }
    const mebibytes = { unit: "MiB", figure: (bytes: number) => bytes / 2 ** 20, target: 1 / 0.6 };
    rows.push(rowOf(memory, { name: `${title}, ${precision}: peak memory`, ...mebibytes }, noNetworks(peers)));
  }
  return rows;
}

/** Seconds of a step, and bytes of the processes that ran some. */
async function measure(
  peers: readonly Peer[],
  precision: Precision,
  rounds: number,
): Promise<{ time: Outcome; memory: Outcome }> {
  const peaks = new Map<string, number>();
  const own = await startOwnStep(precision);
  const work = {
    work: "step",
    batchSize: data.batchSize,
    prototypes: heads.dino.prototypes,
    dropPathRate: model.dropPathRate,
    // The same patches hidden on both sides.
    maskIndices: own.about.maskIndices,
  };
  const time = await contest(
    inOwnProcess("ours", async () => own.peer, { work: "step" }, peaks),
    runnersOf(peers, precision).map(({ peer, mode }) =>
      inOwnProcess(nameWithMode(peer, mode), async () => (await startPeer(peer)).process, { ...work, mode }, peaks),
    ),
    { rounds, finalists: 2 },
  );
  const costs = time.peers.map(({ name }) => ({ name, cost: peaks.get(name)! }));
  return { time, memory: { ours: peaks.get("ours")!, peers: cheapestFirst(costs) } };
}
