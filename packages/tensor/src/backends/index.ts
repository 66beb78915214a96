// Where the maths runs. Everything above this package is written against TF.js; this file decides by
// name which engine serves it. Each engine has its file; the fused kernels an engine has of its own
// are registered by that file, and ops without one run their portable definition.
import { availableParallelism } from "node:os";
import { InputError, nearestName } from "@dinov2/foundation";
import { cpuEngine } from "./cpu.ts";
import { backendNames } from "./description.ts";
import type { BackendDescription, BackendName, BackendOptions, Engine, EngineName } from "./description.ts";
import { libtorchEngine } from "./libtorch.ts";
import { tensorflowEngine } from "./tensorflow.ts";
import { wasmEngine } from "./wasm.ts";

export { backendFromEnvironment } from "./environment.ts";
export { backendNames };
export type { BackendDescription, BackendName, BackendOptions, EngineName, Precision } from "./description.ts";

/** What `auto` tries, best first; `cpu` only serves who asks for it. */
const preference: readonly EngineName[] = ["libtorch", "tensorflow", "wasm"];

function engineOf(name: EngineName): Engine {
  switch (name) {
    case "libtorch":
      return libtorchEngine;
    case "tensorflow":
      return tensorflowEngine;
    case "wasm":
      return wasmEngine;
    case "cpu":
      return cpuEngine;
    default:
      return name satisfies never;
  }
}

async function bestPresent(): Promise<EngineName> {
  for (const name of preference) {
    if ((await engineOf(name).missing()) === undefined) return name;
  }
  return "cpu";
}

function checkOptions({ name = "auto", device, threads, precision = "fp32" }: BackendOptions): void {
  if (!backendNames.includes(name)) {
    const nearest = nearestName(name, backendNames);
    const hint = nearest === undefined ? "" : `; did you mean "${nearest}"?`;
    throw new InputError(`Unknown backend "${String(name)}"; known are ${backendNames.join(", ")}${hint}`);
  }
  if (device !== undefined && !/^(cpu|cuda(:\d+)?)$/.test(device)) {
    throw new InputError(`Unknown device "${device}"; expected cpu, cuda or cuda:N.`);
  }
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1)) {
    throw new InputError(`Number of threads ${threads} is not a positive whole number.`);
  }
  if (precision !== "fp32" && precision !== "bf16") {
    throw new InputError(`Unknown precision "${String(precision)}"; expected fp32 or bf16.`);
  }
}

/**
 * Makes the engine of that name TF.js' current backend and says what it runs on. May be called again to
 * change the engine or its options.
 *
 * @throws InputError for an unknown name, an engine that is not installed, or a device or precision that it lacks.
 */
export async function useBackend(options: BackendOptions = {}): Promise<BackendDescription> {
  checkOptions(options);
  const asked: BackendName = options.name ?? "auto";
  const name = asked === "auto" ? await bestPresent() : asked;
  return engineOf(name).start({
    device: options.device,
    threads: options.threads ?? availableParallelism(),
    precision: options.precision ?? "fp32",
    fusedKernels: options.fusedKernels ?? true,
  });
}

/** Every engine, best first, and why it cannot be used where it cannot. */
export async function availableBackends(): Promise<{ name: EngineName; available: boolean; reason?: string }[]> {
  return Promise.all(
    ([...preference, "cpu"] as const).map(async (name) => {
      const reason = await engineOf(name).missing();
      return reason === undefined ? { name, available: true } : { name, available: false, reason };
    }),
  );
}
