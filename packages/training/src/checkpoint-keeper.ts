// A run's checkpoints while it runs. A disk that is full, or gone for a while, does not end a run of a week: the last
// good checkpoint stays, the user is told, and the next interval tries again. Only at the end is it a failure.

import { statfs } from "node:fs/promises";
import { WriteError } from "@dinov2/foundation";
import { type CheckpointInfo, type CheckpointMetric, checkpointBytes, saveCheckpoint } from "./checkpoint.ts";
import { removeDispensable, type RetentionRule } from "./checkpoint-retention.ts";
import { checkpointName } from "./run-folder.ts";
import type { TrainingState } from "./training-state.ts";
import type { WatchState } from "./watch/watch-state.ts";

export interface KeeperOptions {
  readonly run: string;
  readonly state: TrainingState;
  readonly identity: Pick<CheckpointInfo, "seed" | "data">;
  readonly rule: RetentionRule;
  /** Steps done at the checkpoint that the run resumed from; null for none. */
  readonly lastGood: number | null;
  readonly onWarning: (message: string) => void;
}

/** The steps of a run since its last good checkpoint could not be saved. */
export class UnsavedStepsError extends Error {
  override readonly name = "UnsavedStepsError";
}

export class CheckpointKeeper {
  private lastGood: number | null;
  private unsaved: string | null = null;

  constructor(private readonly options: KeeperOptions) {
    this.lastGood = options.lastGood;
  }

  /**
   * Writes a checkpoint after `step` steps, then lets those go that the rule does not keep, none after a step that was not finite.
   * A system that refuses is a warning; anything else is an error.
   * @param metric what an evaluation of this very step found, for `checkpoint.keepBest`; higher is better
   */
  async save(step: number, metric?: CheckpointMetric, watch?: WatchState): Promise<void> {
    const { run, state, identity, rule, onWarning } = this.options;
    const measured = metric && Number.isFinite(metric.value) ? { metric } : {};
    try {
      await saveCheckpoint(run, state, { step, ...identity, ...measured, ...(watch && { watch }) });
      this.lastGood = step;
      this.unsaved = null;
    } catch (error) {
      if (!(error instanceof WriteError)) throw error;
      this.unsaved = `Checkpoint ${checkpointName(step)} could not be written: ${error.cause.message}; ${await this.room()}.`;
      onWarning(`${this.unsaved} ${this.fallback()} Make room; training goes on, and the next checkpoint is tried as usual.`);
      return;
    }
    // Written at the end all the same: most often it was the batch. Were it the weights, the good ones have to be there still.
    if (watch && watch.nonFiniteInARow > 0) return;
    await removeDispensable(run, step, rule).catch((error: NodeJS.ErrnoException) => {
      if (error.syscall === undefined) throw error;
      onWarning(`Old checkpoints of ${run} could not be removed: ${error.message}.`);
    });
  }

  /** @throws UnsavedStepsError when the last checkpoint asked for is not there */
  requireSaved(): void {
    if (this.unsaved !== null) throw new UnsavedStepsError(`${this.unsaved} ${this.fallback()}`);
  }

  private fallback(): string {
    if (this.lastGood === null) return "There is none before it.";
    return `The last good one is ${checkpointName(this.lastGood)}.`;
  }

  private async room(): Promise<string> {
    const needed = `it needs ${mebibytes(checkpointBytes(this.options.state))}`;
    const disk = await statfs(this.options.run).catch(() => null);
    return disk ? `${needed}, ${mebibytes(disk.bavail * disk.bsize)} are free` : needed;
  }
}

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
