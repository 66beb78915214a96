// TF.js' wasm engine on a memory that threads can share. The npm package holds such a build (compiled with
// emscripten's pthreads) but refuses it in Node, where its way to start workers fails. Its kernels do not need those
// workers: this file starts the build with none, and the threads are our own (pool.ts), over the same memory. Why:
// docs/decisions/0005-threads-in-wasm.md.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { BackendWasm } from "@tensorflow/tfjs-backend-wasm";
import type { Heap } from "./pool.ts";
import type {} from "./web-assembly.ts";

const require = createRequire(import.meta.url);

type TensorFunctions = BackendWasm["wasm"]["tfjs"];

/** What emscripten's script makes: C functions by name, and the memory. */
interface EmscriptenModule {
  tfjs: TensorFunctions;
  readonly wasmMemory: WebAssembly.Memory;
  cwrap(name: string, returns: "number" | null, takes: readonly "number"[]): never;
  _malloc(bytes: number): number;
  _free(pointer: number): void;
}

type Factory = (config: { locateFile: (name: string) => string }) => Promise<EmscriptenModule>;

/** Stands for worker_threads.Worker towards emscripten: answers that it has loaded, and is never given a thread. */
class IdleWorker {
  private listener: ((data: unknown) => void) | undefined;

  on(event: string, listener: (data: unknown) => void): this {
    if (event === "message") this.listener = listener;
    return this;
  }

  postMessage(message: { cmd?: string }): void {
    if (message.cmd === "load") queueMicrotask(() => this.listener?.({ cmd: "loaded" }));
  }

  ref(): void {}
  unref(): void {}
  terminate(): void {}
}

/**
 * Evaluates the build's script with its own `global`, `process`, `Worker` and `require`. Left to the real ones it would
 * replace `global.Worker`, start eight threads, and turn unhandled rejections of the whole program into exceptions.
 */
async function loadFactory(path: string): Promise<Factory> {
  const source = await readFile(path, "utf8");
  const module = { exports: {} as Factory };
  const scope: Record<string, unknown> = {
    module,
    exports: module.exports,
    require: (name: string) => (name === "worker_threads" ? { Worker: IdleWorker } : require(name)),
    __dirname: dirname(path),
    __filename: path,
    global: {},
    Worker: IdleWorker,
    process: { versions: process.versions, argv: [], on() {}, exit() {}, hrtime: process.hrtime },
  };
  new Function(...Object.keys(scope), source)(...Object.values(scope));
  return module.exports;
}

/** The engine, and the heap that its tensors live in. */
export async function startSharedModule(): Promise<{ backend: BackendWasm; heap: Heap }> {
  const script = require.resolve("@tensorflow/tfjs-backend-wasm/wasm-out/tfjs-backend-wasm-threaded-simd.js");
  const factory = await loadFactory(script);
  const wasm = await factory({ locateFile: (name) => join(dirname(script), name) });
  // The names by which BackendWasm reaches its C functions.
  wasm.tfjs = {
    init: wasm.cwrap("init", null, []),
    initWithThreadsCount: wasm.cwrap("init_with_threads_count", null, ["number"]),
    getThreadsCount: wasm.cwrap("get_threads_count", "number", []),
    registerTensor: wasm.cwrap("register_tensor", null, ["number", "number", "number"]),
    disposeData: wasm.cwrap("dispose_data", null, ["number"]),
    dispose: wasm.cwrap("dispose", null, []),
  };
  const heap: Heap = {
    memory: wasm.wasmMemory,
    allocate: (bytes) => wasm._malloc(bytes) >>> 0,
    free: (pointer) => wasm._free(pointer),
  };
  return { backend: new BackendWasm(wasm as unknown as BackendWasm["wasm"]), heap };
}
