import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import type { Engine } from "./description.ts";
import { requireProcessorAndFp32 } from "./requirements.ts";

/** Plain JavaScript: needs nothing and is the reference that tests compare with; about 1 GFLOP/s. */
export const cpuEngine: Engine = {
  async missing() {
    return undefined;
  },

  async start(options) {
    requireProcessorAndFp32("cpu", options);
    await tf.setBackend("cpu");
    // On its first tensor TF.js' cpu backend prints an advertisement for tfjs-node.
    (tf.backend() as tf.KernelBackend & { firstUse: boolean }).firstUse = false;
    return {
      name: "cpu",
      device: "cpu",
      threads: 1,
      precision: "fp32",
      engine: `TensorFlow.js ${tf.version_core}, plain JavaScript`,
    };
  },
};
