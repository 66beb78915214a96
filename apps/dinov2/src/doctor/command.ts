// `dinov2 doctor`: what is installed, which engine `auto` takes, and how fast it is. Writes nothing.

import {
  addCommonOptions,
  addExamples,
  backendOptions,
  Command,
  describeDevice,
  formatBytes,
  formatFacts,
  printResult,
  type CommonOptions,
} from "@dinov2/cli";
import type { BackendDescription } from "@dinov2/tensor";
import { describeMachine, type Machine } from "./machine.ts";
import type { Speed } from "./speed.ts";

interface Diagnosis {
  readonly machine: Machine;
  readonly images: { readonly sharp: string; readonly libvips: string };
  readonly backends: readonly { readonly name: string; readonly available: boolean; readonly reason?: string }[];
  readonly backend: BackendDescription;
  readonly speed: Speed;
}

export function doctorCommand(): Command {
  const command = new Command("doctor").description(
    "Say what is installed, which engine --backend auto takes and why not another, and measure its speed for a second.",
  );
  addCommonOptions(command);
  addExamples(command, "dinov2 doctor", "dinov2 doctor --backend wasm --json");
  return command.action(async (options: CommonOptions) => {
    const diagnosis = await diagnose(options);
    printResult(options, diagnosis, () => describe(diagnosis));
  });
}

async function diagnose(options: CommonOptions): Promise<Diagnosis> {
  const { availableBackends, useBackend } = await import("@dinov2/tensor");
  const { decoderVersions } = await import("@dinov2/data");
  const { measureSpeed } = await import("./speed.ts");
  const backend = await useBackend(backendOptions(options));
  return {
    machine: describeMachine(),
    images: decoderVersions(),
    backends: await availableBackends(),
    backend,
    speed: await measureSpeed(),
  };
}

function describe({ machine, images, backends, backend, speed }: Diagnosis): string {
  const { total, free } = machine.memoryBytes;
  const note: [string, string][] = backend.note ? [["note", backend.note]] : [];
  const best = backends.find(({ available }) => available)?.name;
  return [
    formatFacts("Machine", [
      ["node", `${machine.node} (${machine.platform})`],
      ["processor", `${machine.processor}, ${machine.cores} ${machine.cores === 1 ? "core" : "cores"}`],
      ["memory", `${formatBytes(total)}, ${formatBytes(free)} free`],
      ["images", `sharp ${images.sharp}, libvips ${images.libvips}`],
    ]),
    formatFacts(
      "Engines, best first",
      backends.map(({ name, available, reason }) => [
        name,
        !available ? `not available: ${reason}` : name === best ? "available; --backend auto takes this one" : "available",
      ]),
    ),
    formatFacts(`Speed of ${backend.name}`, [
      ["engine", backend.engine],
      ...(backend.library ? [["library", backend.library] as const] : []),
      ["device", backend.device === "cpu" ? `cpu, ${describeDevice(backend)}` : describeDevice(backend)],
      ["precision", backend.precision],
      ["speed", `${speed.gigaflopsPerSecond.toFixed(1)} GFLOP/s (${speed.operation})`],
      ...note,
    ]),
  ].join("\n\n");
}
