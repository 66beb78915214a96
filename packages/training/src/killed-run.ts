// Run by killed-run.test.ts in processes of its own: trains, and ends itself without a word (SIGKILL) where it is told to.
// It loads everything first, the backend it was started with too, and waits for its orders, so that one process can get ready
// while another one runs.

import { writeSync } from "node:fs";
import { createInterface } from "node:readline/promises";
import { type BackendOptions, useBackend } from "@dinov2/tensor";
import { pretrain, type PretrainOptions } from "./pretrain.ts";
import { interceptFileOperations } from "./testing-files.ts";

export interface Orders extends Pick<PretrainOptions, "recipe" | "data" | "out" | "resume" | "init"> {
  /** Just before the `count`-th operation on files of this name, or after the `count`-th step; null for not at all. */
  readonly killAt: { readonly name: string; readonly count: number } | null;
}

const say = (line: string) => writeSync(1, `${line}\n`);

await useBackend(JSON.parse(process.argv[2]!) as BackendOptions);
say("ready");
const lines = createInterface({ input: process.stdin });
const { killAt, ...run } = JSON.parse(await new Promise<string>((resolve) => lines.once("line", resolve))) as Orders;
lines.close();

let left = killAt?.count ?? 0;
function happened(name: string): void {
  if (name !== killAt?.name || --left > 0) return;
  process.kill(process.pid, "SIGKILL");
}

interceptFileOperations(({ name }) => happened(name));
const { step } = await pretrain({
  ...run,
  onStart: ({ step }) => say(`start ${step}`),
  onStep: () => happened("step"),
  onWarning: (message) => say(`warning ${message}`),
});
say(`end ${step}`);
process.exit();
