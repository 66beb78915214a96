import { useBackend } from "./index.ts";
import { describeBackendConformance } from "./testing/index.ts";

describeBackendConformance("cpu", { setUp: () => useBackend({ name: "cpu" }) });
describeBackendConformance("wasm", { setUp: () => useBackend({ name: "wasm" }) });
describeBackendConformance("wasm, portable definitions", {
  setUp: () => useBackend({ name: "wasm", fusedKernels: false }),
});
