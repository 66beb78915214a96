// The native addon, and the environment that LibTorch reads while it loads. Which build serves: find-build.ts.
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { type Build, findBuild } from "./find-build.ts";
import { instructionSets } from "./processor.ts";

/** A tensor of the addon. */
export type Handle = number;

/** What the addon offers; see native/addon.cc. */
export interface Addon {
  setFrame(frame: Float64Array): void;
  kernelNames(): string[];
  run(kernel: number, length: number): void;
  create(values: Float32Array | Int32Array | Uint8Array, dtype: number, sizes: readonly number[]): Handle;
  release(handle: Handle): void;
  read(handle: Handle): Float32Array | Int32Array | Uint8Array;
  readAsync(handle: Handle): Promise<Float32Array | Int32Array | Uint8Array>;
  owners(handle: Handle): number;
  configure(options: { device?: string; threads?: number; bf16?: boolean; bfloat16Instructions?: boolean; processorLoops?: boolean }): void;
  about(): { version: string; cuda: boolean; gpus: number; device: string; threads: number; bfloat16Instructions: boolean };
  memory(): { tensors: number; bytes: number; gpu?: { name: string; total: number; free: number } };
}

const builds = fileURLToPath(new URL("../build", import.meta.url));

/** LibTorch's thread pools and BLAS read these once, while they load; what the user has set stays. */
function prepareEnvironment(): void {
  // Idle threads soon sleep: spinning ones take the processor from the loader's workers. Not at once, as waking one takes longer than many a kernel.
  process.env["OMP_WAIT_POLICY"] ??= "PASSIVE";
  process.env["GOMP_SPINCOUNT"] ??= "10000";
  // oneDNN compiles a product for each size it meets and keeps 1,024 of them; a training step has a new number of hidden patches each time.
  process.env["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] ??= "128";
  // OpenBLAS before 0.3.22 does not know the newest processors and falls back to half of their speed.
  if (instructionSets().includes("avx512f")) process.env["OPENBLAS_CORETYPE"] ??= "SKYLAKEX";
}

let loaded: { addon: Addon; build: Build } | string | undefined;

/** The addon, loaded once a process; a string says in one line why it cannot be. */
export function loadAddon(): { addon: Addon; build: Build } | string {
  loaded ??= load();
  return loaded;
}

function load(): { addon: Addon; build: Build } | string {
  const build = findBuild({ builds, env: process.env, instructionSets: instructionSets() });
  if (typeof build === "string") return build;
  prepareEnvironment();
  try {
    const addon = createRequire(import.meta.url)(build.addon) as Addon;
    return { addon, build };
  } catch (error) {
    return `its addon does not load (${(error as Error).message.split("\n", 1)[0]}); run again: npm run build:native`;
  }
}
