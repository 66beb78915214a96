import * as tf from "@tensorflow/tfjs-core";
import { InputError } from "@dinov2/foundation";
import { buildCommand, faultOf, loadAddon, loadKernels, readBuild } from "../tensorflow/build.ts";
import { environmentFor } from "../tensorflow/environment.ts";
import type { Engine, EngineOptions } from "./description.ts";

interface Running {
  readonly device: string;
  readonly threads: number;
  readonly version: string;
}

async function load(options: EngineOptions, version: string): Promise<Running> {
  Object.assign(process.env, environmentFor(options, process.env));
  try {
    // At level 0 the user wants to see everything.
    const addon = loadAddon(process.env.TF_CPP_MIN_LOG_LEVEL !== "0");
    const { NodeJSKernelBackend } = await loadKernels();
    tf.registerBackend("tensorflow", () => new NodeJSKernelBackend(addon, "@tensorflow/tfjs-node"));
    const device = addon.isUsingGpuDevice() ? (options.device ?? "cuda") : "cpu";
    return { device, threads: Number(process.env.TF_NUM_INTRAOP_THREADS), version };
  } catch (error) {
    throw new InputError(`TensorFlow ${version} does not load: ${(error as Error).message}. If it has changed, run again: ${buildCommand}`);
  }
}

/** Loaded once a process: its device and its threads are then fixed. */
let running: Promise<Running> | undefined;

const sameDevice = (a: string, b: string) => a.replace(/:0$/, "") === b.replace(/:0$/, "");

function requireDevice(asked: string | undefined, { device, version }: Running): void {
  if (asked === undefined || sameDevice(asked, device)) return;
  throw new InputError(
    `Backend "tensorflow" runs TensorFlow ${version} on "${device}" in this process, not on "${asked}". CUDA needs a GPU and a ` +
      `TensorFlow that is made for it (pip install 'tensorflow[and-cuda]', then ${buildCommand}).`,
  );
}

/** TensorFlow through tfjs-node's addon, built against what is installed; not loaded unless it is asked for. */
export const tensorflowEngine: Engine = {
  async missing() {
    return faultOf(readBuild());
  },

  async start(options) {
    const { device, precision, threads } = options;
    if (precision !== "fp32") {
      throw new InputError(`Backend "tensorflow" computes in fp32 only, not ${precision}; use --backend libtorch for ${precision}.`);
    }
    const build = readBuild();
    const fault = faultOf(build);
    if (fault !== undefined) throw new InputError(`Backend "tensorflow" is not available: ${fault}.`);
    running ??= load(options, build!.version);
    const actual = await running;
    requireDevice(device, actual);
    await tf.setBackend("tensorflow");
    const note = actual.threads === threads ? {} : { note: `Runs on ${actual.threads} threads, as set before TensorFlow was loaded.` };
    return { name: "tensorflow", device: actual.device, threads: actual.threads, precision, engine: `TensorFlow ${actual.version}`, ...note };
  },
};
