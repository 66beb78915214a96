// Which checkpoints of a run stay: the last k, every n-th step's for ever, and the best.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { removeFolderAtomic } from "@dinov2/foundation";
import { type CheckpointMetric, readCheckpointInfo } from "./checkpoint.ts";
import type { Recipe } from "./recipe.ts";
import { checkpointsPath, stepOfCheckpoint } from "./run-folder.ts";

export type RetentionRule = Pick<Recipe["checkpoint"], "keep" | "keepEverySteps" | "keepBest">;

export interface CheckpointEntry {
  readonly step: number;
  readonly metric?: CheckpointMetric | undefined;
}

/** The steps whose checkpoints no longer need to stay, of those given. */
export function dispensable(entries: readonly CheckpointEntry[], rule: RetentionRule): number[] {
  const steps = entries.map(({ step }) => step).sort((a, b) => a - b);
  const newest = new Set(steps.slice(-rule.keep));
  const best = rule.keepBest ? bestOf(entries) : undefined;
  const isMilestone = (step: number) => rule.keepEverySteps !== null && step % rule.keepEverySteps === 0;
  return steps.filter((step) => !newest.has(step) && !isMilestone(step) && step !== best);
}

/** The step of the highest metric, the later one of two equal; only those named as the newest one compare. */
function bestOf(entries: readonly CheckpointEntry[]): number | undefined {
  const measured = entries
    .flatMap(({ step, metric }) => (metric ? [{ step, ...metric }] : []))
    .sort((a, b) => a.step - b.step);
  const name = measured.at(-1)?.name;
  const sameName = measured.filter((entry) => entry.name === name);
  return sameName.reduce<(typeof measured)[number] | undefined>(
    (best, entry) => (best && best.value > entry.value ? best : entry),
    undefined,
  )?.step;
}

/**
 * Removes what the rule lets go of the checkpoints up to `step`. Later ones, there when a run went on from an older
 * checkpoint, stay and do not crowd out the run's own.
 */
export async function removeDispensable(run: string, step: number, rule: RetentionRule): Promise<void> {
  const folders = new Map<number, string>();
  for (const name of await readdir(checkpointsPath(run))) {
    const found = stepOfCheckpoint(name);
    if (found !== undefined && found <= step) folders.set(found, join(checkpointsPath(run), name));
  }
  const entries = await Promise.all([...folders].map(async ([step, folder]) => ({ step, metric: await metricOf(folder) })));
  for (const old of dispensable(entries, rule)) await removeFolderAtomic(folders.get(old)!);
}

/** One that cannot be read was not measured: that is no reason to stop a run. */
const metricOf = (folder: string) => readCheckpointInfo(folder).then(({ metric }) => metric, () => undefined);
