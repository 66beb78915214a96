// What a run writes down beside its checkpoints: measures and events as lines of JSON, measures for TensorBoard.

import { MetricsLog, type MetricsRecord } from "./metrics-log.ts";
import type { Recipe } from "./recipe.ts";
import { eventsPath, metricsPath, tensorboardPath } from "./run-folder.ts";
import { EventFile } from "./tensorboard/event-file.ts";
import type { WatchEvent } from "./watch/run-watch.ts";

export interface RunLogs {
  write(record: MetricsRecord): Promise<void>;
  writeEvent(event: WatchEvent): Promise<void>;
  /** Brings what was written to the disk itself. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a run's logs to go on after `step`; see `MetricsLog.open`.
 * @param onWarning is told when the system refuses to write
 */
export async function openLogs(
  run: string,
  step: number,
  { tensorboard }: Recipe["log"],
  onWarning: (message: string) => void,
): Promise<RunLogs> {
  const metrics = await MetricsLog.open(metricsPath(run), step, onWarning);
  const events = await MetricsLog.open<WatchEvent>(eventsPath(run), step, onWarning);
  const eventFile = tensorboard ? await EventFile.create(tensorboardPath(run), step, onWarning) : null;
  return {
    async write(record) {
      await metrics.write(record);
      await eventFile?.write(record);
    },
    writeEvent: (event) => events.write(event),
    async sync() {
      await metrics.sync();
      await events.sync();
    },
    async close() {
      await metrics.close();
      await events.close();
      await eventFile?.close();
    },
  };
}
