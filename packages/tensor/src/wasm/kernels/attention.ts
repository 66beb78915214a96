import type { TensorInfo } from "@tensorflow/tfjs-core";
import type { Segment } from "../../ops/kernels.ts";
import type { FusedKernels, KernelContext } from "../context.ts";
import { float, maxChunks } from "../pool.ts";

const queryRows = 64;
const tileBytes = 128;
/** Multiply-adds that make a chunk worth handing out. */
const workPerChunk = 100_000;

const padTo = (multiple: number, value: number) => multiple * Math.ceil(value / multiple);

/** Start and length of each sequence, in the order of the rows. */
function sequenceTable(segments: readonly Segment[]): number[] {
  const table: number[] = [];
  let start = 0;
  for (const { count, length } of segments) {
    for (let i = 0; i < count && length > 0; i++) {
      table.push(start, length);
      start += length;
    }
  }
  return table;
}

/** Scratch of one thread for the longest sequence; see the layout in assembly/attention.ts. */
function scratchBytes(length: number, headWidth: number, packedOperands: number, scoreBlocks: number): number {
  const packed = packedOperands * Math.max(padTo(8, length) * headWidth, padTo(8, headWidth) * length);
  const scores = scoreBlocks * queryRows * padTo(8, length) + queryRows * padTo(8, headWidth);
  const strips = padTo(4, Math.max(queryRows, length)) * Math.max(headWidth, length, queryRows);
  return 4 * (packed + scores + strips) + tileBytes;
}

interface AttentionJob {
  readonly kernel: "attention" | "attentionGrad";
  readonly tensors: readonly [qkv: TensorInfo, output: TensorInfo, logSumExp: TensorInfo];
  readonly more: readonly TensorInfo[];
  readonly segments: readonly Segment[];
  readonly heads: number;
}

function attend(context: KernelContext, { kernel, tensors, more, segments, heads }: AttentionJob): void {
  const [tokens, columns] = tensors[0].shape as [number, number];
  const width = columns / 3;
  const headWidth = width / heads;
  const table = sequenceTable(segments);
  const pairs = (table.length / 2) * heads;
  if (pairs === 0) return;
  const longest = Math.max(...segments.map(({ count, length }) => (count > 0 ? length : 0)));
  const backward = kernel === "attentionGrad";
  const scratch = scratchBytes(longest, headWidth, backward ? 3 : 2, backward ? 2 : 1);
  const size = Math.max(1, Math.ceil(workPerChunk / (2 * longest * longest * headWidth)), Math.ceil(pairs / maxChunks));
  context.withIntegers(table, (sequences) => {
    const [qkv, output, logSumExp] = tensors.map((info) => context.at(info)) as [number, number, number];
    context.pool.run(
      kernel,
      Math.ceil(pairs / size),
      [
        qkv, output, logSumExp, sequences, heads, width, tokens, float(headWidth ** -0.5), context.zeros, size, pairs,
        ...more.map((info) => context.at(info)),
      ],
      scratch,
    );
  });
}

export const attentionKernels: FusedKernels = {
  BlockDiagonalAttention(context, { qkv }, { segments, heads }) {
    const [tokens, columns] = qkv.shape as [number, number];
    const output = context.output([tokens, columns / 3]);
    const logSumExp = context.output([heads, tokens]);
    attend(context, { kernel: "attention", tensors: [qkv, output, logSumExp], more: [], segments, heads });
    return [output, logSumExp];
  },

  BlockDiagonalAttentionGrad(context, { dy, qkv, output, logSumExp }, { segments, heads }) {
    const dQkv = context.output([...qkv.shape]);
    attend(context, { kernel: "attentionGrad", tensors: [qkv, output, logSumExp], more: [dy, dQkv], segments, heads });
    return [dQkv];
  },
};
