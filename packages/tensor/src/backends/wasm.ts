import * as tf from "@tensorflow/tfjs-core";
import { setThreadsCount, version_wasm } from "@tensorflow/tfjs-backend-wasm";
import type { Engine } from "./description.ts";
import { requireProcessorAndFp32 } from "./requirements.ts";

/** The embedded default: WebAssembly with SIMD, nothing to install, any machine. */
export const wasmEngine: Engine = {
  async missing() {
    return undefined;
  },

  async start(options) {
    requireProcessorAndFp32("wasm", options);
    setThreadsCount(1);
    await tf.setBackend("wasm");
    return {
      name: "wasm",
      device: "cpu",
      threads: 1,
      precision: "fp32",
      engine: `TensorFlow.js ${version_wasm}, WebAssembly SIMD`,
    };
  },
};
