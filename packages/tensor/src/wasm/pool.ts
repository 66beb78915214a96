// The kernels of packages/tensor/assembly over one shared memory, on the main thread and on workers of
// our own. A job is a kernel, its arguments and a number of chunks; every thread takes chunks until none
// is left, and `run` returns when all are done. Which thread does a chunk never changes a result.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { chunkBits, closedChunk, control, poolWorkerSource } from "./pool-worker.ts";
import type { PoolWorkerData } from "./pool-worker.ts";
import type {} from "./web-assembly.ts";

/** What a pool needs of the heap it lives on. */
export interface Heap {
  readonly memory: WebAssembly.Memory;
  allocate(bytes: number): number;
  free(pointer: number): void;
}

type Kernel = (argumentsOffset: number, chunk: number, scratch: number) => void;

/** Chunks that a job may have: what the ticket's lower bits count to. */
export const maxChunks = closedChunk;
const argumentSlots = 32;

const floatView = new Float32Array(1);
const floatBits = new Int32Array(floatView.buffer);

/** A float argument: all slots are written as integers. */
export function float(value: number): number {
  floatView[0] = value;
  return floatBits[0]!;
}

export class KernelPool {
  private readonly state: Int32Array;
  private readonly slots: Int32Array;
  private readonly kernels: Kernel[];
  private readonly kernelIndex: ReadonlyMap<string, number>;
  private readonly workers: Worker[] = [];
  private scratchBytes = 0;
  private job = 0;

  constructor(
    private readonly module: WebAssembly.Module,
    private readonly heap: Heap,
  ) {
    const { exports } = new WebAssembly.Instance(module, { env: { memory: heap.memory } });
    const names = WebAssembly.Module.exports(module).map(({ name }) => name);
    this.kernels = names.map((name) => exports[name] as Kernel);
    this.kernelIndex = new Map(names.map((name, i) => [name, i]));
    const block = heap.allocate((control.length + argumentSlots) * 4);
    // Both views stay valid when the memory grows: a shared memory only ever gets longer.
    this.state = new Int32Array(heap.memory.buffer, block, control.length).fill(0);
    this.slots = new Int32Array(heap.memory.buffer, block + control.length * 4, argumentSlots);
    Atomics.store(this.state, control.ticket, closedChunk);
  }

  get threads(): number {
    return this.workers.length + 1;
  }

  /** Starts or stops workers until `threads` threads, this one included, share the jobs. */
  async resize(threads: number): Promise<void> {
    while (this.threads > threads) await this.workers.pop()!.terminate();
    const starting: Promise<unknown>[] = [];
    while (this.threads < threads) {
      const workerData: PoolWorkerData = {
        module: this.module,
        memory: this.heap.memory,
        controlOffset: this.state.byteOffset,
        argumentsOffset: this.slots.byteOffset,
        kernelNames: [...this.kernelIndex.keys()],
        thread: this.threads,
      };
      const worker = new Worker(poolWorkerSource, { eval: true, execArgv: [], workerData });
      // Rejects with the worker's error when it fails before it is ready.
      starting.push(once(worker, "message").then(() => worker.unref()));
      this.workers.push(worker);
    }
    this.reserveScratch(this.scratchBytes, true);
    try {
      await Promise.all(starting);
    } catch (error) {
      await Promise.all(this.workers.splice(0).map((worker) => worker.terminate()));
      throw error;
    }
  }

  /** Memory of each thread alone: the third argument of a kernel. */
  private reserveScratch(bytes: number, resized = false): void {
    if (bytes <= this.scratchBytes && !resized) return;
    this.scratchBytes = Math.ceil(bytes / 64) * 64;
    if (this.state[control.scratch] !== 0) this.heap.free(this.state[control.scratch]! >>> 0);
    this.state[control.scratch] = this.scratchBytes === 0 ? 0 : this.heap.allocate(this.scratchBytes * this.threads);
    this.state[control.scratchStride] = this.scratchBytes;
  }

  /**
   * Runs chunks 0 … chunks - 1 of a kernel and returns when all are done.
   * @param values the argument slots, integers (or `float`)
   * @param scratchBytes memory that a thread needs while it runs a chunk
   */
  run(name: string, chunks: number, values: readonly number[], scratchBytes = 0): void {
    if (chunks > maxChunks) throw new RangeError(`Kernel ${name}: ${chunks} chunks; at most ${maxChunks}.`);
    if (chunks <= 0) return;
    this.reserveScratch(scratchBytes);
    const index = this.kernelIndex.get(name);
    if (index === undefined) throw new RangeError(`There is no kernel "${name}".`);
    for (let i = 0; i < values.length; i++) this.slots[i] = values[i]!;
    const kernel = this.kernels[index]!;
    const scratch = this.state[control.scratch]!;
    if (chunks === 1 || this.workers.length === 0) {
      for (let chunk = 0; chunk < chunks; chunk++) kernel(this.slots.byteOffset, chunk, scratch);
      return;
    }
    this.share(kernel, index, chunks, scratch);
  }

  private share(kernel: Kernel, index: number, chunks: number, scratch: number): void {
    const { state } = this;
    this.job = (this.job + 1) & ((1 << (32 - chunkBits)) - 1);
    state[control.kernel] = index;
    state[control.chunks] = chunks;
    Atomics.store(state, control.remaining, chunks);
    Atomics.store(state, control.ticket, this.job << chunkBits);
    if (Atomics.load(state, control.sleepers) > 0) Atomics.notify(state, control.ticket);
    let cause: unknown;
    for (;;) {
      const ticket = Atomics.load(state, control.ticket);
      const chunk = ticket & closedChunk;
      if (chunk >= chunks) break;
      if (Atomics.compareExchange(state, control.ticket, ticket, ticket + 1) !== ticket) continue;
      try {
        kernel(this.slots.byteOffset, chunk, scratch);
      } catch (error) {
        // Told when the others are done: they work on the same memory.
        cause = error;
        Atomics.store(state, control.failed, 1);
      }
      Atomics.sub(state, control.remaining, 1);
    }
    this.awaitOthers();
    Atomics.store(state, control.ticket, (this.job << chunkBits) | closedChunk);
    if (Atomics.exchange(state, control.failed, 0) !== 0) throw new Error("A wasm kernel failed.", { cause });
  }

  private awaitOthers(): void {
    for (let round = 0; ; round++) {
      const left = Atomics.load(this.state, control.remaining);
      if (left === 0) return;
      if (round > 20_000) Atomics.wait(this.state, control.remaining, left, 1);
    }
  }
}
