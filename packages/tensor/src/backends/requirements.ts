import { InputError } from "@dinov2/foundation";
import type { EngineName, EngineOptions } from "./description.ts";

/** Engines that run on the processor in single precision only refuse anything else by name. */
export function requireProcessorAndFp32(name: EngineName, { device, precision }: EngineOptions): void {
  if (precision !== "fp32") {
    throw new InputError(`Backend "${name}" computes in fp32 only, not ${precision}; use --backend libtorch for ${precision}.`);
  }
  if (device !== undefined && device !== "cpu") {
    throw new InputError(`Backend "${name}" runs on device "cpu" only, not "${device}"; use --backend libtorch or tensorflow.`);
  }
}
