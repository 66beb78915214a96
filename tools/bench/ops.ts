// Each op of `@dinov2/tensor` on the wasm backend, with its own kernel and as TF.js runs its portable definition, forward
// and gradient together where there is one: at the sizes of a ViT-S/14 batch of 16 images of 224 pixels. The two run in
// alternating rounds, on all cores; TF.js' own kernels know one thread.
import { median } from "@dinov2/foundation";
import {
  addResidualSubset,
  blockDiagonalAttention,
  gatherRows,
  gelu,
  globalNorm,
  l2Normalize,
  layerNorm,
  layerScaleResidual,
  linear,
  prototypeCrossEntropy,
  sinkhornKnopp,
  swiglu,
  tf,
  useBackend,
  weightNorm,
} from "@dinov2/tensor";
import type { BenchReport, BenchRow } from "./measure.ts";

interface OpCase {
  readonly name: string;
  readonly inputs: readonly (readonly number[])[];
  readonly compute: (...inputs: tf.Tensor[]) => tf.Tensor;
  /** False for what has no gradient, or is measured without. */
  readonly gradient?: boolean;
  /** Floating-point operations, for what is mostly products. */
  readonly operations?: number;
}

// R rows of 16 images with 257 tokens, D width, H hidden width, K prototypes.
const [R, D, H, K] = [16 * 257, 384, 1536, 8192];
const every = (step: number, count: number) => Int32Array.from({ length: count }, (_, i) => i * step);
const productOperations = 2 * R * D * H;

const cases: readonly OpCase[] = [
  { name: "matMul", inputs: [[R, D], [D, H]], compute: (a, b) => tf.matMul(a!, b!), gradient: false, operations: productOperations },
  { name: "linear", inputs: [[R, D], [H, D], [H]], compute: (x, w, b) => linear(x!, w!, b!), gradient: false, operations: productOperations },
  { name: "linear, with gradient", inputs: [[R, D], [H, D], [H]], compute: (x, w, b) => linear(x!, w!, b!), operations: 3 * productOperations },
  {
    name: "linear + GELU, with gradient",
    inputs: [[R, D], [H, D], [H]],
    compute: (x, w, b) => linear(x!, w!, b!, "gelu"),
    operations: 3 * productOperations,
  },
  {
    name: "attention, 16 × 257 tokens",
    inputs: [[R, 3 * D]],
    compute: (qkv) => blockDiagonalAttention(qkv as tf.Tensor2D, [{ count: 16, length: 257 }], 6),
    operations: 14 * R * 257 * D,
  },
  {
    name: "attention, 64 × 50 tokens",
    inputs: [[64 * 50, 3 * D]],
    compute: (qkv) => blockDiagonalAttention(qkv as tf.Tensor2D, [{ count: 64, length: 50 }], 6),
    operations: 14 * 64 * 50 * 50 * D,
  },
  { name: "gelu", inputs: [[R, H]], compute: (x) => gelu(x!) },
  { name: "swiglu", inputs: [[R, 2 * 1024]], compute: (x) => swiglu(x!) },
  { name: "layerNorm", inputs: [[R, D], [D], [D]], compute: (x, w, b) => layerNorm(x!, w!, b!, 1e-6) },
  { name: "layerScaleResidual", inputs: [[R, D], [R, D], [D]], compute: (x, r, g) => layerScaleResidual(x!, r!, g!) },
  {
    name: "addResidualSubset",
    inputs: [[16, 257, D], [8, 257, D], [D]],
    compute: (x, r, g) => addResidualSubset(x as tf.Tensor3D, r as tf.Tensor3D, every(2, 8), g as tf.Tensor1D, 2),
  },
  { name: "gatherRows", inputs: [[R, D]], compute: (x) => gatherRows(x!, every(3, 1024)) },
  { name: "l2Normalize", inputs: [[1024, 256]], compute: (x) => l2Normalize(x as tf.Tensor2D, 1e-12) },
  { name: "weightNorm", inputs: [[K, 256], [K, 1]], compute: (v, g) => weightNorm(v as tf.Tensor2D, g as tf.Tensor2D) },
  {
    name: "prototypeCrossEntropy",
    inputs: [[128, K], [128, K]],
    compute: (s, t) => prototypeCrossEntropy(s as tf.Tensor2D, t as tf.Tensor2D, 0.1),
  },
  { name: "sinkhornKnopp", inputs: [[128, K]], compute: (x) => sinkhornKnopp(x as tf.Tensor2D, 0.07), gradient: false },
  { name: "globalNorm", inputs: [[R, H]], compute: (x) => globalNorm([x!]), gradient: false },
  { name: "exp", inputs: [[R, H]], compute: (x) => tf.exp(x!), gradient: false },
  { name: "transpose", inputs: [[R, H]], compute: (x) => tf.transpose(x!), gradient: false },
];

/** Milliseconds of one run, its results given back. */
function time({ compute, gradient = true }: OpCase, inputs: tf.Tensor[]): number {
  const begin = performance.now();
  if (gradient) {
    // An op's gradient kernel gives the gradients of all its inputs, whichever is asked for.
    const [first, ...others] = inputs as [tf.Tensor, ...tf.Tensor[]];
    tf.dispose(tf.valueAndGrad((x: tf.Tensor) => compute(x, ...others))(first) as unknown as tf.TensorContainer);
  } else {
    compute(...inputs).dispose();
  }
  return performance.now() - begin;
}

async function measure(op: OpCase, rounds: number): Promise<{ ours: number; peer: number }> {
  await useBackend({ name: "wasm" });
  const inputs = op.inputs.map((shape) => tf.randomNormal(shape as number[]));
  const times = { ours: [] as number[], peer: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    for (const side of ["ours", "peer"] as const) {
      await useBackend({ name: "wasm", fusedKernels: side === "ours" });
      time(op, inputs);
      const milliseconds = time(op, inputs);
      if (round > 0) times[side].push(milliseconds);
    }
  }
  tf.dispose(inputs);
  return { ours: median(times.ours), peer: median(times.peer) };
}

export async function run({ rounds = 3 }: { rounds?: number } = {}): Promise<BenchReport> {
  const { engine, threads } = await useBackend({ name: "wasm" });
  const peerName = `TF.js ${tf.version_core} wasm, one thread`;
  const rows: BenchRow[] = [];
  let peak: number | undefined;
  for (const op of cases) {
    const { ours, peer } = await measure(op, rounds);
    const rate = op.operations === undefined ? undefined : op.operations / ours / 1e6;
    peak ??= rate;
    rows.push({
      name: op.name,
      unit: "ms",
      ours,
      peer,
      peerName,
      ratio: peer / ours,
      ...(rate === undefined ? {} : { shareOfPeak: rate / peak!, note: `${rate.toFixed(1)} GFLOP/s; the peak is plain matMul` }),
    });
  }
  await useBackend({ name: "wasm" });
  return { bench: "ops", versions: { engine, threads: String(threads) }, rows };
}
