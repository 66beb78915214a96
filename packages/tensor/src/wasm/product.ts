// Matrix products: C [rows, columns] = bias + A [rows, depth] B [depth, columns]. A transposed operand is
// only another pair of strides. The right operand is packed in blocks of depth that stay in the cache.
import type { KernelContext } from "./context.ts";
import { maxChunks } from "./pool.ts";

/** A matrix in memory: the address of its first element, and the distance in elements along each side. */
export interface MatrixView {
  readonly pointer: number;
  readonly rowStride: number;
  readonly columnStride: number;
}

export interface Product {
  readonly a: MatrixView;
  readonly b: MatrixView;
  readonly rows: number;
  readonly depth: number;
  readonly columns: number;
  /** Address of a contiguous [rows, columns]. */
  readonly c: number;
  /** Address of [columns], or 0. */
  readonly bias?: number;
  /** Where gelu(C) goes, or 0; C itself keeps the pre-activation. */
  readonly activated?: number;
}

export const rowMajor = (pointer: number, columns: number): MatrixView => ({ pointer, rowStride: columns, columnStride: 1 });
export const transposed = ({ pointer, rowStride, columnStride }: MatrixView): MatrixView => ({
  pointer,
  rowStride: columnStride,
  columnStride: rowStride,
});

const maxDepth = 384;
const rowsPerBlock = 32;
const tileBytes = 128;
/** Enough blocks that two or more threads end together. */
const wantedBlocks = 16;
/** Below this many multiply-adds a product is not worth sharing. */
const sharedWork = 100_000;

const padTo = (multiple: number, value: number) => multiple * Math.ceil(value / multiple);

/** How C is cut into blocks, one per chunk. */
function blocksOf(rows: number, columns: number, work: number): { rowSize: number; columnSize: number; columnBlocks: number } {
  if (work < sharedWork) return { rowSize: padTo(4, rows), columnSize: padTo(8, columns), columnBlocks: 1 };
  const rowBlocks = Math.ceil(rows / rowsPerBlock);
  const wantedColumnBlocks = Math.min(Math.ceil(wantedBlocks / rowBlocks), Math.ceil(columns / 64));
  const columnSize = padTo(8, Math.ceil(columns / wantedColumnBlocks));
  const columnBlocks = Math.ceil(columns / columnSize);
  const rowSize = Math.max(rowsPerBlock, padTo(4, Math.ceil((rows * columnBlocks) / (maxChunks - columnBlocks))));
  return { rowSize, columnSize, columnBlocks };
}

export function multiply(context: KernelContext, { a, b, rows, depth, columns, c, bias = 0, activated = 0 }: Product): void {
  if (rows === 0 || columns === 0) return;
  const { pool } = context;
  const depthBlocks = Math.max(1, Math.ceil(depth / maxDepth));
  const blockDepth = Math.max(1, Math.ceil(depth / depthBlocks));
  const { rowSize, columnSize, columnBlocks } = blocksOf(rows, columns, rows * columns * blockDepth);
  const scratch = tileBytes + 4 * blockDepth * padTo(4, Math.min(rowSize, rows));
  context.withFloats(padTo(8, columns) * blockDepth, (packed) => {
    const panelsPerChunk = Math.max(1, Math.ceil(2048 / blockDepth), Math.ceil(columns / (8 * maxChunks)));
    for (let begin = 0; begin < depth; begin += blockDepth) {
      const block = Math.min(blockDepth, depth - begin);
      const last = begin + block >= depth;
      const first = begin === 0;
      const init = first ? (bias === 0 ? context.zeros : bias) : c;
      pool.run("packRight", Math.ceil(columns / (8 * panelsPerChunk)), [
        b.pointer + 4 * begin * b.rowStride, b.rowStride, b.columnStride, block, columns, packed, panelsPerChunk,
      ]);
      pool.run(
        "product",
        Math.ceil(rows / rowSize) * columnBlocks,
        [
          a.pointer + 4 * begin * a.columnStride, a.rowStride, a.columnStride, rows, rowSize, block,
          packed, columns, columnSize, columnBlocks,
          init, first ? 0 : columns, first && bias === 0 ? 0 : 1, c, columns, last ? activated : 0,
        ],
        scratch,
      );
    }
  });
}

/** A product for each member of a batch; strides between members in elements (0 repeats one). */
export function multiplyBatch(
  context: KernelContext,
  batch: number,
  { a, b, rows, depth, columns, c }: Product,
  aBatchStride: number,
  bBatchStride: number,
): void {
  const work = rows * depth * columns;
  const fewLarge = batch < 4 || work > 40 * sharedWork;
  if (fewLarge || batch > maxChunks) {
    for (let i = 0; i < batch; i++) {
      const member = { pointer: a.pointer + 4 * i * aBatchStride, rowStride: a.rowStride, columnStride: a.columnStride };
      const other = { pointer: b.pointer + 4 * i * bBatchStride, rowStride: b.rowStride, columnStride: b.columnStride };
      multiply(context, { a: member, b: other, rows, depth, columns, c: c + 4 * i * rows * columns });
    }
    return;
  }
  if (rows === 0 || columns === 0) return;
  const scratch = tileBytes + 4 * depth * (padTo(4, rows) + padTo(8, columns));
  context.pool.run(
    "batchProduct",
    batch,
    [
      a.pointer, a.rowStride, a.columnStride, aBatchStride, b.pointer, b.rowStride, b.columnStride, bBatchStride,
      rows, depth, columns, c, context.zeros,
    ],
    scratch,
  );
}
