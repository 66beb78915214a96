// The suite that every backend passes: as it is, with the portable definitions in place of the fused kernels, with LibTorch's
// own ops in place of our loops, as a GPU runs them, and in bfloat16, with and without instructions for it, with a tolerance of its own.
import { describeBackendConformance, type Tolerance } from "@dinov2/tensor/testing";
import { it } from "vitest";
import { type LibtorchOptions, missing, start } from "./index.ts";
import { testDevice } from "./testing/test-device.ts";

/** Operands rounded to 8 bits (2^-9), in products of some hundred terms of size 1, one after another. */
const bf16Tolerance: Tolerance = { absolute: 5e-2, relative: 2e-2 };

const runs: readonly { label: string; options: LibtorchOptions; tolerance?: Tolerance }[] = [
  { label: "libtorch", options: {} },
  { label: "libtorch, portable definitions", options: { fusedKernels: false } },
  { label: "libtorch, without loops for the processor", options: { processorLoops: false } },
  { label: "libtorch, bf16", options: { precision: "bf16" }, tolerance: bf16Tolerance },
  { label: "libtorch, bf16 without instructions for it", options: { precision: "bf16", bfloat16Instructions: false }, tolerance: bf16Tolerance },
  { label: "libtorch, bf16 without loops for the processor", options: { precision: "bf16", processorLoops: false }, tolerance: bf16Tolerance },
];

const why = await missing();
if (why === undefined) {
  for (const { label, options, ...tolerance } of runs) {
    describeBackendConformance(label, { setUp: () => start({ device: testDevice, threads: 2, ...options }), ...tolerance });
  }
} else {
  console.log(`skipped: backend libtorch, as ${why}`);
  it.skip(`backend libtorch: ${why}`, () => {});
}
