// What `npm run build:tensorflow` (tools/native/tensorflow.ts) left in this package's folder `build/tensorflow`: tfjs-node's
// addon, its kernels as one module, and a record of what they were built with.
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import type { KernelBackend } from "@tensorflow/tfjs-core";

const require = createRequire(import.meta.url);

export const buildCommand = "npm run build:tensorflow";

/** The part of tfjs-node's addon that is used here. */
interface Addon {
  isUsingGpuDevice(): boolean;
}

interface Kernels {
  readonly NodeJSKernelBackend: new (addon: Addon, packageName: string) => KernelBackend;
}

interface Stderr {
  mute(): void;
  restore(): void;
}

export interface TensorflowBuild {
  /** Of TensorFlow. */
  readonly version: string;
  /** Full names of the libraries that the addon is linked with. */
  readonly libraries: readonly string[];
}

/** Full name of a file of the build. The package names the folder, so this holds for `src` and `dist`. */
const fileOf = (name: string): string => require.resolve(`#build/tensorflow/${name}`);

/** Undefined when nothing is built. */
export function readBuild(): TensorflowBuild | undefined {
  try {
    return JSON.parse(readFileSync(fileOf("build.json"), "utf8")) as TensorflowBuild;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "MODULE_NOT_FOUND") return undefined;
    throw error;
  }
}

/** Why this build cannot be used, and what to do, in one line; undefined when it can. */
export function faultOf(build: TensorflowBuild | undefined): string | undefined {
  if (build === undefined) return `its addon is not built; ${buildCommand} builds it where TensorFlow is (pip install tensorflow_cpu)`;
  const gone = build.libraries.find((library) => !existsSync(library));
  return gone === undefined ? undefined : `${gone}, which it was built with, cannot be found; run again: ${buildCommand}`;
}

/**
 * Loads TensorFlow with the environment as it is. It logs from its initialisers before it reads any setting, so stderr
 * is turned away meanwhile when `quiet`.
 */
export function loadAddon(quiet: boolean): Addon {
  const stderr = require(fileOf("stderr.node")) as Stderr;
  if (quiet) stderr.mute();
  try {
    return require(fileOf("tfjs_binding.node")) as Addon;
  } finally {
    stderr.restore();
  }
}

/** Registers tfjs-node's kernels, and gives the class of its backend. */
export async function loadKernels(): Promise<Kernels> {
  return (await import(/* @vite-ignore */ pathToFileURL(fileOf("kernels.js")).href)) as Kernels;
}
