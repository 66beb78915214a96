// The suite that every backend passes, three times: as it is, with the portable definitions in place of the fused kernels, and
// with LibTorch's own ops in place of our loops, as a GPU runs them.
import { describeBackendConformance } from "@dinov2/tensor/testing";
import { it } from "vitest";
import { type LibtorchOptions, missing, start } from "./index.ts";
import { testDevice } from "./testing/test-device.ts";

const runs: readonly { label: string; options: LibtorchOptions }[] = [
  { label: "libtorch", options: {} },
  { label: "libtorch, portable definitions", options: { fusedKernels: false } },
  { label: "libtorch, without loops for the processor", options: { processorLoops: false } },
];

const why = await missing();
if (why === undefined) {
  for (const { label, options } of runs) {
    describeBackendConformance(label, { setUp: () => start({ device: testDevice, threads: 2, ...options }) });
  }
} else {
  console.log(`skipped: backend libtorch, as ${why}`);
  it.skip(`backend libtorch: ${why}`, () => {});
}
