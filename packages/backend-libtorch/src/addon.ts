// The native addon: which build serves, and the environment that LibTorch reads while it loads.
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** A tensor of the addon. */
export type Handle = number;

/** What the addon offers; see native/addon.cc. */
export interface Addon {
  setFrame(frame: Float64Array): void;
  kernelNames(): string[];
  run(kernel: number): void;
  create(values: Float32Array | Int32Array | Uint8Array, dtype: number, sizes: readonly number[]): Handle;
  release(handle: Handle): void;
  read(handle: Handle): Float32Array | Int32Array | Uint8Array;
  readAsync(handle: Handle): Promise<Float32Array | Int32Array | Uint8Array>;
  owners(handle: Handle): number;
  configure(options: { device?: string; threads?: number; bf16?: boolean; processorLoops?: boolean }): void;
  about(): { version: string; device: string; gpus: number; threads: number };
  memory(): { tensors: number; bytes: number; device?: { total: number; free: number } };
}

/** What a build says of itself, in `build/<name>/build.json` (written by tools/native/libtorch.ts). */
export interface BuildInfo {
  /** The folder of LibTorch that it was linked against. */
  readonly libtorch: string;
  readonly version: string;
}

const builds = fileURLToPath(new URL("../build", import.meta.url));
const howToBuild = "npm run build:native builds it where LibTorch is (apt-get install libtorch-dev, or pip install torch)";

function readJson<T>(file: string): T | undefined {
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as T) : undefined;
}

interface Build extends BuildInfo {
  readonly addon: string;
}

/** The build against the LibTorch that `LIBTORCH` names, or else the last one made; a string says why there is none. */
function findBuild(): Build | string {
  const wanted = process.env["LIBTORCH"];
  const index = readJson<{ latest: string; builds: Record<string, string> }>(join(builds, "builds.json"));
  if (index === undefined) return `its addon is not built; ${howToBuild}`;
  const folder = wanted === undefined || !existsSync(wanted) ? index.latest : index.builds[realpathSync(wanted)];
  if (folder === undefined) return `no build is there for LIBTORCH=${wanted}; npm run build:native makes one`;
  const info = readJson<BuildInfo>(join(builds, folder, "build.json"));
  if (info === undefined) return `its addon is not built; ${howToBuild}`;
  if (!existsSync(info.libtorch)) return `the LibTorch it was built against is gone (${info.libtorch}); ${howToBuild}`;
  return { ...info, addon: join(builds, folder, "libtorch.node") };
}

/** LibTorch's thread pools and BLAS read these once, while they load; what the user has set stays. */
function prepareEnvironment(): void {
  // Idle threads sleep: spinning ones take the processor from the loader's workers.
  process.env["OMP_WAIT_POLICY"] ??= "PASSIVE";
  const avx512 = process.platform === "linux" && /^flags\b.*\bavx512f\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  // OpenBLAS before 0.3.22 does not know the newest processors and falls back to half of their speed.
  if (avx512) process.env["OPENBLAS_CORETYPE"] ??= "SKYLAKEX";
}

let loaded: { addon: Addon; build: Build } | string | undefined;

/** The addon, loaded once a process; a string says in one line why it cannot be. */
export function loadAddon(): { addon: Addon; build: BuildInfo } | string {
  loaded ??= load();
  return loaded;
}

function load(): { addon: Addon; build: Build } | string {
  const build = findBuild();
  if (typeof build === "string") return build;
  prepareEnvironment();
  try {
    const addon = createRequire(import.meta.url)(build.addon) as Addon;
    return { addon, build };
  } catch (error) {
    return `its addon does not load (${(error as Error).message.split("\n", 1)[0]}); ${howToBuild}`;
  }
}
