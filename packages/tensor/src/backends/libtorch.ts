import { InputError } from "@dinov2/foundation";
import type { BackendDescription, Engine, EngineOptions } from "./description.ts";

/** What the package of the LibTorch backend exports. */
interface LibtorchPackage {
  /** Undefined when LibTorch was found and the addon is built, else why not, in one line. */
  missing(): Promise<string | undefined>;
  /** Registers the TF.js backend "libtorch" with its kernels and makes it current. */
  start(options: EngineOptions): Promise<BackendDescription>;
}

/** Not a literal at the import: the package is optional, and depends on this one. */
const packageName: string = "@dinov2/backend-libtorch";

async function loadPackage(): Promise<LibtorchPackage | undefined> {
  try {
    return (await import(/* @vite-ignore */ packageName)) as LibtorchPackage;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const notInstalled = code === "ERR_MODULE_NOT_FOUND" || message.includes(packageName);
    if (notInstalled) return undefined;
    throw error;
  }
}

const missingMessage = `the package ${packageName} is not installed`;

/** LibTorch (processor and CUDA, bf16) through our own addon, where its package is installed. */
export const libtorchEngine: Engine = {
  async missing() {
    const libtorch = await loadPackage();
    return libtorch === undefined ? missingMessage : libtorch.missing();
  },

  async start(options) {
    const libtorch = await loadPackage();
    const missing = libtorch === undefined ? missingMessage : await libtorch.missing();
    if (missing !== undefined) throw new InputError(`Backend "libtorch" is not available: ${missing}.`);
    return libtorch!.start(options);
  },
};
