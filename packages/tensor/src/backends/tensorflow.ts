import { createRequire } from "node:module";
import * as tf from "@tensorflow/tfjs-core";
import { InputError } from "@dinov2/foundation";
import type { Engine } from "./description.ts";

const require = createRequire(import.meta.url);

/** Both bind TensorFlow's C library under the backend name "tensorflow"; the first one installed serves. */
const packages = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

function installedPackage(): (typeof packages)[number] | undefined {
  return packages.find((name) => {
    try {
      require.resolve(name);
      return true;
    } catch {
      return false;
    }
  });
}

const missingMessage = "neither @tensorflow/tfjs-node-gpu nor @tensorflow/tfjs-node is installed; npm install one of them";

/** TensorFlow through its own npm packages: an optional peer, loaded only when asked for. */
export const tensorflowEngine: Engine = {
  async missing() {
    return installedPackage() === undefined ? missingMessage : undefined;
  },

  async start({ device, precision, threads }) {
    if (precision !== "fp32") {
      throw new InputError(`Backend "tensorflow" computes in fp32 only, not ${precision}; use --backend libtorch for ${precision}.`);
    }
    const name = installedPackage();
    if (name === undefined) throw new InputError(`Backend "tensorflow" is not available: ${missingMessage}.`);
    const ownDevice = name.endsWith("-gpu") ? "cuda" : "cpu";
    if (device !== undefined && device !== ownDevice) {
      throw new InputError(`Backend "tensorflow" runs on "${ownDevice}" with ${name}, not on "${device}".`);
    }
    // TensorFlow reads its thread count from the environment when the library loads.
    process.env["TF_NUM_INTRAOP_THREADS"] ??= String(threads);
    const module = (await import(/* @vite-ignore */ name)) as { version?: Record<string, string> };
    await tf.setBackend("tensorflow");
    return {
      name: "tensorflow",
      device: ownDevice,
      threads,
      precision: "fp32",
      engine: `TensorFlow through ${name} ${module.version?.["tfjs-node"] ?? ""}`.trimEnd(),
    };
  },
};
