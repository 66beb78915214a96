// The program of a worker thread, as text: a worker cannot start from a TypeScript file, and must not load what
// the main program was started with. It takes chunks of the current job until there are none, spins a short while
// for the next job (ops of one step follow each other within microseconds), then sleeps.
import type {} from "./web-assembly.ts";

/** Slots of the control block, int32 each. */
export const control = {
  /** Job number << chunkBits | next chunk. One word, so that no thread can take a chunk of a job it has not seen. */
  ticket: 0,
  kernel: 1,
  chunks: 2,
  /** Chunks not yet finished. */
  remaining: 3,
  failed: 4,
  sleepers: 5,
  scratch: 6,
  scratchStride: 7,
  length: 16,
} as const;

export const chunkBits = 12;
/** More than any job's chunks: a ticket with it is closed while the job is being written. */
export const closedChunk = (1 << chunkBits) - 1;

export interface PoolWorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly controlOffset: number;
  readonly argumentsOffset: number;
  readonly kernelNames: readonly string[];
  /** 1, 2, …; the main program is thread 0. */
  readonly thread: number;
}

export const poolWorkerSource = `"use strict";
const { workerData, parentPort } = require("node:worker_threads");
const { module, memory, controlOffset, argumentsOffset, kernelNames, thread } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory } });
const kernels = kernelNames.map((name) => exports[name]);
const state = new Int32Array(memory.buffer, controlOffset, ${control.length});
parentPort.postMessage("ready");
let idleRounds = 0;
for (;;) {
  const ticket = Atomics.load(state, ${control.ticket});
  const chunk = ticket & ${closedChunk};
  if (chunk < state[${control.chunks}]) {
    const kernel = kernels[state[${control.kernel}]];
    const scratch = state[${control.scratch}] + thread * state[${control.scratchStride}];
    if (Atomics.compareExchange(state, ${control.ticket}, ticket, ticket + 1) !== ticket) continue;
    try {
      kernel(argumentsOffset, chunk, scratch);
    } catch {
      Atomics.store(state, ${control.failed}, 1);
    }
    if (Atomics.sub(state, ${control.remaining}, 1) === 1) Atomics.notify(state, ${control.remaining});
    idleRounds = 0;
  } else if (++idleRounds > 20000) {
    Atomics.add(state, ${control.sleepers}, 1);
    Atomics.wait(state, ${control.ticket}, ticket);
    Atomics.sub(state, ${control.sleepers}, 1);
    idleRounds = 0;
  }
}
`;
