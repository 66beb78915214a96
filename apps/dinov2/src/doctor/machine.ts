import { availableParallelism, cpus, freemem, totalmem } from "node:os";

export interface Machine {
  readonly node: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryBytes: { readonly total: number; readonly free: number };
}

/** What node itself knows of this machine. Cores are those this process may use. */
export function describeMachine(): Machine {
  return {
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: { total: Math.min(totalmem(), process.constrainedMemory() || Infinity), free: freemem() },
  };
}
