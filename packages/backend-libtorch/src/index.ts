// `@dinov2/backend-libtorch`: TF.js programs on LibTorch. `useBackend({ name: "libtorch" })` of `@dinov2/tensor` loads this
// package when it is there; on its own, `start()` makes it the current backend of any TF.js program on Node.
// Next: addon.ts (which build serves), backend.ts (tensors and their memory), kernels/ (one file a kind of op).
import { type BackendDescription, InputError, tf } from "@dinov2/tensor";
import { loadAddon } from "./addon.ts";
import { LibtorchBackend } from "./backend.ts";
import { registerKernels } from "./kernels/index.ts";
import { requireDevice } from "./require-device.ts";

export { LibtorchBackend } from "./backend.ts";
export { coveredKernels } from "./kernels/index.ts";

export interface LibtorchOptions {
  /** "cpu", "cuda" or "cuda:1"; the default is the GPU where LibTorch sees one. */
  readonly device?: string | undefined;
  readonly threads?: number;
  /** How products and attention are computed; the dtype on the API is float32 either way. */
  readonly precision?: "fp32" | "bf16";
  /** False runs the portable definitions in place of the fused kernels: for tests and benchmarks. */
  readonly fusedKernels?: boolean;
  /** False multiplies bfloat16 as a processor without instructions for it does: for tests. */
  readonly bfloat16Instructions?: boolean;
  /** False runs LibTorch's own ops in place of our loops for the processor, as a GPU does: for tests. */
  readonly processorLoops?: boolean;
}

const backendName = "libtorch";

/** Undefined when the addon is built and loads, else why not, in one line. */
export async function missing(): Promise<string | undefined> {
  const loaded = loadAddon();
  return typeof loaded === "string" ? loaded : undefined;
}

let backend: LibtorchBackend | undefined;

/**
 * Registers the TF.js backend "libtorch" with its kernels and makes it current. May be called again with other options.
 * @throws InputError when the addon is not built, or for a device that is not there
 */
export async function start(options: LibtorchOptions = {}): Promise<BackendDescription> {
  const loaded = loadAddon();
  if (typeof loaded === "string") throw new InputError(`Backend "libtorch" is not available: ${loaded}.`);
  const { addon, build } = loaded;
  const found = addon.about();
  const { threads = found.threads, precision = "fp32", fusedKernels = true, bfloat16Instructions = true, processorLoops = true } = options;
  const device = options.device ?? (found.gpus > 0 ? "cuda" : "cpu");
  requireDevice(device, { ...build, ...found });
  const running = (backend ??= new LibtorchBackend(addon));
  running.configure({ device, threads, bf16: precision === "bf16", bfloat16Instructions, processorLoops });
  if (tf.findBackend(backendName) === null) tf.registerBackend(backendName, () => running, 4);
  registerKernels(backendName, fusedKernels);
  await tf.setBackend(backendName);
  const about = addon.about();
  return {
    name: backendName,
    device: about.device,
    threads: about.threads,
    precision,
    engine: `LibTorch ${build.version}`,
    library: build.libtorch,
    ...gpuOf(running),
    ...(precision === "bf16" && about.device === "cpu" && !about.bfloat16Instructions && { note: noBfloat16 }),
  };
}

const noBfloat16 = "This processor has no instructions for bfloat16: bf16 saves memory here, and takes as long as fp32 or longer.";

function gpuOf(running: LibtorchBackend): Pick<BackendDescription, "gpu"> {
  const { gpu } = running.nativeMemory();
  return gpu === undefined ? {} : { gpu: { name: gpu.name, memoryBytes: { total: gpu.total, free: gpu.free } } };
}
