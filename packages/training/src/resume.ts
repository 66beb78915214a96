// Which checkpoint a run goes on from: the newest that is as it was written. What was skipped is said.

import { rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { type CheckpointInfo, loadCheckpoint } from "./checkpoint.ts";
import { DamagedCheckpointError } from "./checkpoint-manifest.ts";
import { checkpointsToTry, latestPath } from "./run-folder.ts";
import type { TrainingState } from "./training-state.ts";

export interface Resumed {
  /** The checkpoint's folder. */
  readonly folder: string;
  readonly info: CheckpointInfo;
  /** Those that should have come first. */
  readonly damaged: readonly DamagedCheckpointError[];
}

/**
 * Gives `state` what the newest good checkpoint holds.
 * @returns null when the run has none at all yet
 * @throws InputError when all are damaged, or the newest good one is of another architecture
 */
export async function loadNewestCheckpoint(run: string, state: TrainingState): Promise<Resumed | null> {
  const damaged: DamagedCheckpointError[] = [];
  for (const folder of await checkpointsToTry(run)) {
    try {
      return { folder, info: await loadCheckpoint(folder, state), damaged };
    } catch (error) {
      if (!(error instanceof DamagedCheckpointError)) throw error;
      damaged.push(error);
    }
  }
  if (damaged.length === 0) return null;
  throw new InputError(`Nothing to resume in ${run}: no checkpoint is whole. ${damaged.map(({ message }) => message).join(" ")}`);
}

/**
 * Takes damaged checkpoints out of the run's count, under the name `damaged-step-…`, and lets `latest` name the good one.
 * @returns what to tell the user, one line each
 */
export async function setDamagedAside(run: string, { folder, damaged }: Resumed): Promise<string[]> {
  if (damaged.length === 0) return [];
  await writeFileAtomic(latestPath(run), `${basename(folder)}\n`);
  const lines = [];
  for (const { folder: bad, file, what } of damaged) {
    const aside = join(dirname(bad), `damaged-${basename(bad)}`);
    await rm(aside, { recursive: true, force: true });
    const isThere = await rename(bad, aside).then(() => true, () => false);
    lines.push(
      `Checkpoint ${basename(bad)} was skipped: ${file} is damaged (${what})` + (isThere ? `; it is now ${basename(aside)}.` : "."),
    );
  }
  return [...lines, `Going back to ${basename(folder)}.`];
}
