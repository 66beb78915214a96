// Matrix products at the sizes of ViT-S, B and L: the four linear layers of a block over 16 images of 257 tokens, forward
// and both gradients. The fastest of them, whoever ran it, is the machine's product peak in that precision.
//
// R rows, I columns in, O columns out.

import { type BackendDescription, linear, type Precision, roundOperand, type Tensor2D, tf } from "@dinov2/tensor";
import type { BenchRow } from "../measure.ts";
import { contest, type Outcome, rowOf } from "./contest.ts";
import { meanSeconds } from "./lap.ts";
import { startEngine } from "./ours.ts";
import { contender, noPeer, type Peer } from "./peers.ts";

const rows = 16 * 257;
const widths = { "ViT-S": 384, "ViT-B": 768, "ViT-L": 1024 };
const layers = { qkv: [1, 3], proj: [1, 1], fc1: [1, 4], fc2: [4, 1] }; // in and out, in widths
const kinds = ["forward", "input gradient", "weight gradient"] as const;
/** Seconds of one lap, so that a product is measured more than once, and not while its threads wake up. */
const fill = 0.2;

interface Product {
  readonly name: string;
  readonly inner: number;
  readonly outer: number;
  readonly kind: (typeof kinds)[number];
  readonly precision: Precision;
}

interface MeasuredProduct {
  readonly product: Product;
  readonly outcome: Outcome;
}

/** FLOP/s of the fastest product. */
export type Peaks = Readonly<Partial<Record<Precision, number>>>;

export async function measureProducts(
  peers: readonly Peer[],
  precisions: readonly Precision[],
  rounds: number,
): Promise<{ rows: BenchRow[]; peaks: Peaks }> {
  const measured: MeasuredProduct[] = [];
  const peaks: Partial<Record<Precision, number>> = {};
  let engine: BackendDescription | undefined;
  for (const precision of precisions) {
    engine = await startEngine(precision);
    for (const product of productsIn(precision)) {
      measured.push({ product, outcome: await measure(product, peers, rounds) });
    }
    const rates = measured
      .filter(({ product }) => product.precision === precision)
      .map(({ product, outcome }) => flops(product) / Math.min(outcome.ours, outcome.peers[0]?.cost ?? Infinity));
    peaks[precision] = Math.max(...rates);
  }
  const same = peersOnSameLibrary(peers, engine!);
  return { rows: measured.flatMap((each) => rowsOf(each, peaks[each.product.precision]!, same)), peaks };
}

function productsIn(precision: Precision): Product[] {
  return Object.entries(widths).flatMap(([model, width]) =>
    Object.entries(layers).flatMap(([layer, [into, out]]) =>
      kinds.map((kind) => ({
        name: `${model} ${layer}, ${kind}, ${precision}`,
        inner: into! * width,
        outer: out! * width,
        kind,
        precision,
      })),
    ),
  );
}

const flops = ({ inner, outer }: Product) => 2 * rows * inner * outer;

async function measure(product: Product, peers: readonly Peer[], rounds: number): Promise<Outcome> {
  const { inner, outer, kind, precision } = product;
  const [x, dy] = [activations(inner), activations(outer)];
  // As the peer's, rounded once.
  const weight = tf.tidy(() => roundOperand(tf.randomNormal<tf.Rank.R2>([outer, inner])));
  const bias = tf.zeros<tf.Rank.R1>([outer]);
  // A processor's results are there when a call returns.
  const run = {
    forward: () => linear(x, weight, bias).dispose(),
    "input gradient": () => tf.matMul(dy, weight).dispose(),
    "weight gradient": () => tf.matMul(dy, x, true, false).dispose(),
  }[kind];
  run();
  const ours = { name: "ours", lap: async () => meanSeconds(run, fill) };
  const request = { work: "product", rows, inner, outer, kind, precision, fill };
  try {
    return await contest(ours, peers.map(({ name, process }) => contender(process, name, request)), { rounds, finalists: peers.length });
  } finally {
    tf.dispose([x, weight, dy, bias]);
  }
}

/** What a product gave: the engine keeps it in the precision that it multiplies in, as the peer has its operands. */
function activations(width: number): Tensor2D {
  return tf.tidy(() => tf.matMul(tf.randomNormal([rows, 16]), tf.randomNormal([16, width])) as Tensor2D);
}

/** As it comes, the PyTorch of the version that our engine stands on; any, where none is. */
function peersOnSameLibrary(peers: readonly Peer[], { engine }: BackendDescription): readonly string[] {
  const defaults = peers.filter(({ tuned }) => !tuned);
  const version = /\d+\.\d+/.exec(engine)?.[0];
  const same = defaults.filter(({ torch }) => version !== undefined && torch.startsWith(`${version}.`));
  return (same.length > 0 ? same : defaults).map(({ name }) => name);
}

/** Ours beside the best peer; and beside the default of the same library, where that one is slow. */
function rowsOf({ product, outcome }: MeasuredProduct, peak: number, same: readonly string[]): BenchRow[] {
  const shareOfPeak = flops(product) / outcome.ours / peak;
  const figure = (seconds: number) => flops(product) / seconds / 1e9;
  const row = (name: string, target: number, against: Outcome) =>
    rowOf(against, { name, unit: "GFLOP/s", figure, target, shareOfPeak }, noPeer);
  const byDefault = outcome.peers.find(({ name }) => same.includes(name));
  const isSlow = byDefault !== undefined && flops(product) / byDefault.cost < peak / 2;
  return [
    row(product.name, 1, outcome),
    ...(isSlow ? [row(`${product.name}, slow by default`, 2, { ours: outcome.ours, peers: [byDefault] })] : []),
  ];
}
