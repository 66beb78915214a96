import { setFlagsFromString } from "node:v8";
import { fusedMultiplyAddKernels, plainKernels } from "./kernels.generated.ts";
import type {} from "./web-assembly.ts";

/** Whether products round once (fused multiply-add) or twice. */
export type MultiplyAdd = "fused" | "plain";

const bytesOf = (base64: string) => Buffer.from(base64, "base64");

/**
 * Relaxed SIMD is on by default from Node 21. Node 20 holds the same instructions behind a flag, which only matters
 * while a module is validated and compiled: it is set for that long.
 */
function compileFused(): WebAssembly.Module | undefined {
  const bytes = bytesOf(fusedMultiplyAddKernels);
  if (WebAssembly.validate(bytes)) return new WebAssembly.Module(bytes);
  try {
    setFlagsFromString("--experimental-wasm-relaxed-simd");
    return WebAssembly.validate(bytes) ? new WebAssembly.Module(bytes) : undefined;
  } catch {
    return undefined;
  } finally {
    setFlagsFromString("--no-experimental-wasm-relaxed-simd");
  }
}

/** The compiled kernels: with fused multiply-add where this Node has it, unless `plain` is asked for. */
export function compileKernels(wanted: MultiplyAdd = "fused"): { module: WebAssembly.Module; multiplyAdd: MultiplyAdd } {
  const fused = wanted === "fused" ? compileFused() : undefined;
  if (fused !== undefined) return { module: fused, multiplyAdd: "fused" };
  return { module: new WebAssembly.Module(bytesOf(plainKernels)), multiplyAdd: "plain" };
}
