// Attention over packed sequences: native/kernels/attention.cc.
import type { Segment } from "@dinov2/tensor";
import type { KernelBodies } from "./kernel.ts";

type Packing = { readonly segments: readonly Segment[]; readonly heads: number };

/** count and length of each segment in turn, and the number of heads. */
const packing = (attributes: Readonly<Record<string, unknown>>) => {
  const { segments, heads } = attributes as Packing;
  return [segments.flatMap(({ count, length }) => [count, length]), heads];
};

export const attentionKernels: KernelBodies = {
  BlockDiagonalAttention: (backend, { qkv }, attributes) => backend.run("BlockDiagonalAttention", [qkv], packing(attributes)),
  BlockDiagonalAttentionGrad: (backend, { dy, qkv, output, logSumExp }, attributes) =>
    backend.run("BlockDiagonalAttentionGrad", [dy, qkv, output, logSumExp], packing(attributes)),
};
