// What a kernel of this backend works with: the addresses of tensors, room for results, and the pool.
import type * as tf from "@tensorflow/tfjs-core";
import type { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { KernelAttributes, KernelInputs, KernelName, KernelOutputs } from "../ops/kernels.ts";
import { maxChunks } from "./pool.ts";
import type { Heap , KernelPool} from "./pool.ts";

/** Floats that an elementwise chunk holds: some microseconds of work, far above the cost of handing it out. */
const elementsPerChunk = 16_384;
/** Where a reduction is split, whatever the number of threads, so that its rounding never depends on it. */
const reductionChunks = 64;

export class KernelContext {
  /** 64 zeros: what a product without a bias starts from. */
  readonly zeros: number;

  constructor(
    readonly backend: BackendWasm,
    readonly pool: KernelPool,
    private readonly heap: Heap,
  ) {
    this.zeros = heap.allocate(256);
    new Float32Array(heap.memory.buffer, this.zeros, 64).fill(0);
  }

  /** The address of a tensor's first element. */
  at({ dataId }: tf.TensorInfo): number {
    return this.backend.dataIdMap.get(dataId).memoryOffset;
  }

  /** A float32 result, its content not set. */
  output(shape: number[]): tf.TensorInfo {
    return this.backend.makeOutput(shape, "float32");
  }

  /** Memory for the time of `use`. */
  withFloats<T>(count: number, use: (pointer: number) => T): T {
    const pointer = this.heap.allocate(Math.max(count, 4) * 4);
    try {
      return use(pointer);
    } finally {
      this.heap.free(pointer);
    }
  }

  /** The same, filled with integers. */
  withIntegers<T>(values: ArrayLike<number>, use: (pointer: number) => T): T {
    return this.withFloats(values.length, (pointer) => {
      new Int32Array(this.heap.memory.buffer, pointer, values.length).set(values);
      return use(pointer);
    });
  }

  /** The same, filled with float32 numbers. */
  withNumbers<T>(values: ArrayLike<number>, use: (pointer: number) => T): T {
    return this.withFloats(values.length, (pointer) => {
      new Float32Array(this.heap.memory.buffer, pointer, values.length).set(values);
      return use(pointer);
    });
  }

  /** Float64 numbers that kernels left at `pointer`. */
  readDoubles(pointer: number, count: number): Float64Array {
    return new Float64Array(this.heap.memory.buffer, pointer, count);
  }

  /** Sets the elements of a tensor. */
  writeFloats(info: tf.TensorInfo, values: readonly number[]): void {
    new Float32Array(this.heap.memory.buffer, this.at(info), values.length).set(values);
  }

  /** A kernel over `count` floats: `values` are its slots before count and chunk size, `rest` those after. */
  elementwise(kernel: string, count: number, values: readonly number[], rest: readonly number[] = []): void {
    const size = Math.max(elementsPerChunk, 4 * Math.ceil(count / (4 * (maxChunks - 1))));
    this.pool.run(kernel, Math.ceil(count / size), [...values, count, size, ...rest]);
  }

  /** A kernel over independent rows: `values` are its slots before rows, width and rows per chunk, `rest` those after. */
  rowwise(kernel: string, rows: number, width: number, values: readonly number[], rest: readonly number[] = []): void {
    const size = rowsPerChunk(rows, width);
    this.pool.run(kernel, Math.ceil(rows / size), [...values, rows, width, size, ...rest]);
  }

  /**
   * A kernel over rows that leaves `width` partial sums per chunk, added up into `sums`.
   * `slots` are given where the partial sums go and the rows per chunk, which is `minimum` or more.
   */
  reducing(
    kernel: string,
    rows: number,
    width: number,
    sums: number,
    slots: (partial: number, size: number) => number[],
    minimum = 16,
  ): void {
    const size = Math.max(minimum, Math.ceil(rows / reductionChunks));
    const chunks = Math.max(1, Math.ceil(rows / size));
    this.withFloats(chunks * width, (partial) => {
      this.pool.run(kernel, chunks, slots(partial, size));
      this.addRows(partial, chunks, width, sums);
    });
  }

  /** sums[i] = Σ over rows of x[row][i]. */
  addRows(x: number, rows: number, width: number, sums: number): void {
    const size = Math.max(64, 16 * Math.ceil(elementsPerChunk / (16 * Math.max(rows, 1))), 16 * Math.ceil(width / (16 * (maxChunks - 1))));
    this.pool.run("addPartials", Math.ceil(width / size), [x, sums, rows, width, size]);
  }
}

/** Rows that make a chunk of an elementwise size. */
export function rowsPerChunk(rows: number, width: number): number {
  return Math.max(1, Math.ceil(elementsPerChunk / Math.max(width, 1)), Math.ceil(rows / maxChunks));
}

/** Kernels of the table of ops/kernels.ts, by name. */
export type FusedKernels = {
  readonly [Name in KernelName]?: (
    context: KernelContext,
    inputs: KernelInputs<Name>,
    attributes: KernelAttributes<Name>,
  ) => KernelOutputs<Name>;
};
