// A side that works in a process of its own, so that its peak memory is that of the work.

import { fileURLToPath } from "node:url";
import type { Precision } from "@dinov2/tensor";
import type { RecipeInput } from "@dinov2/training";
import { PeerProcess } from "../peer-process.ts";
import type { Contender } from "./contest.ts";

const script = fileURLToPath(new URL("step-process.ts", import.meta.url));

/** Our training step, computed in one of the ways that the recipe's `efficiency` offers; answers `{ work: "step" }`. */
export const startOwnStep = (precision: Precision, efficiency: RecipeInput["efficiency"] = {}) =>
  PeerProcess.start<{ maskIndices: number[] }>(process.execPath, [...process.execArgv, script, precision, JSON.stringify(efficiency)]);

/** Starts when it is first asked, and notes its peak memory when it ends. */
export function inOwnProcess(
  name: string,
  start: () => Promise<PeerProcess>,
  request: object,
  peaks: Map<string, number>,
): Contender {
  let running: PeerProcess | undefined;
  return {
    name,
    lap: async () => {
      running ??= await start();
      return (await running.ask<{ seconds: number }>(request)).seconds;
    },
    retire: async () => {
      peaks.set(name, (await running!.ask<{ peakBytes: number }>({ work: "memory" })).peakBytes);
      running!.close();
    },
  };
}
