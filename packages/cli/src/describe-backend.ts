import { formatBytes } from "./format.ts";

/** What `useBackend` of `@dinov2/tensor` says of the engine that runs, as far as a person wants to know it. */
export interface RunningBackend {
  readonly name: string;
  readonly engine: string;
  readonly device: string;
  readonly threads: number;
  readonly precision: string;
  readonly gpu?: { readonly name: string; readonly memoryBytes: { readonly total: number; readonly free: number } };
  /** What is to be said of it on a line of its own. */
  readonly note?: string;
}

/** "2 threads", or "cuda:0 (NVIDIA H100, 80.0 GiB, 79.1 GiB free)". */
export function describeDevice({ device, threads, gpu }: RunningBackend): string {
  if (device === "cpu") return `${threads} ${threads === 1 ? "thread" : "threads"}`;
  const facts = gpu && [gpu.name, formatBytes(gpu.memoryBytes.total), `${formatBytes(gpu.memoryBytes.free)} free`].filter(Boolean);
  return facts ? `${device} (${facts.join(", ")})` : device;
}

/** "libtorch (LibTorch 2.13.0), 2 threads", with the precision where it is not the one that every engine has. */
export function describeBackend(backend: RunningBackend): string {
  const { name, engine, precision } = backend;
  return `${name} (${engine}), ${describeDevice(backend)}${precision === "fp32" ? "" : `, ${precision}`}`;
}

/** The same as a sentence, and its note on the next line where it has one. */
export function announceBackend(backend: RunningBackend): string {
  const line = `Backend ${describeBackend(backend)}.`;
  return backend.note === undefined ? line : `${line}\n${backend.note}`;
}
