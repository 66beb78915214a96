import * as tf from "@tensorflow/tfjs-core";
import { setThreadsCount, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import { setKernels, startRuntime } from "../wasm/runtime.ts";
import type { WasmRuntime } from "../wasm/runtime.ts";
import type { Engine } from "./description.ts";
import { requireProcessorAndFp32 } from "./requirements.ts";

/** Started once a process; an Error when this machine cannot share memory between threads. */
let started: Promise<WasmRuntime | Error> | undefined;

/** The embedded default: WebAssembly with SIMD on all cores, nothing to install, any machine. */
export const wasmEngine: Engine = {
  async missing() {
    return undefined;
  },

  async start(options) {
    requireProcessorAndFp32("wasm", options);
    started ??= startRuntime().catch((error: unknown) => (error instanceof Error ? error : new Error(String(error))));
    const runtime = await started;
    const common = { name: "wasm", device: "cpu", precision: "fp32" } as const;
    if (runtime instanceof Error) {
      setThreadsCount(1);
      await tf.setBackend("wasm");
      return {
        ...common,
        threads: 1,
        engine: `TensorFlow.js ${version_wasm}, WebAssembly SIMD`,
        note: `Runs on one thread and without the fused kernels: ${runtime.message}`,
      };
    }
    const note = await runtime.context.pool.resize(options.threads).then(
      () => undefined,
      (error: Error) => `Runs on one thread, as workers do not start: ${error.message}`,
    );
    setKernels(runtime, options.fusedKernels);
    await tf.setBackend("wasm");
    const arithmetic = runtime.multiplyAdd === "fused" ? "relaxed SIMD" : "SIMD";
    return {
      ...common,
      threads: runtime.context.pool.threads,
      engine: `TensorFlow.js ${version_wasm}, WebAssembly ${arithmetic}`,
      ...(note === undefined ? {} : { note }),
    };
  },
};
