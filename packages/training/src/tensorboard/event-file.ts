// RUN/tensorboard/events.out.tfevents.*: the metrics log once more, for TensorBoard. Each start of a run adds a file; TensorBoard
// reads all of a folder, and knows from a later file's restart which steps of the earlier ones no longer count.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { AppendedFile } from "../appended-file.ts";
import type { MetricsRecord } from "../metrics-log.ts";
import { restartEvent, scalarEvent, versionEvent } from "./event.ts";
import { tfRecord } from "./tf-record.ts";

/** Where TensorBoard shows a measure: it groups what comes before a slash. */
const groups: readonly (readonly [group: string, measures: RegExp])[] = [
  ["loss", /_loss$/],
  ["gradient_norm", /^gradient_norm_/],
  ["schedule", /^(learning_rate|last_layer_learning_rate|weight_decay|teacher_)/],
  ["collapse", /^(feature_|target_|neighbour_|prototypes_)/],
  ["knn", /^knn_/],
];

const tag = (measure: string) => `${groups.find(([, measures]) => measures.test(measure))?.[0] ?? "run"}/${measure}`;

export class EventFile {
  private constructor(private readonly file: AppendedFile) {}

  /**
   * Begins a file for a run that goes on after `step`, 0 for one that starts, or starts over.
   * @param onWarning is told when the system refuses to write
   */
  static async create(folder: string, step: number, onWarning: (message: string) => void): Promise<EventFile> {
    await mkdir(folder, { recursive: true });
    const now = Date.now() / 1000;
    // TensorBoard reads files in the order of their names, which begin with the second. (Others end with a host's name.)
    const name = `events.out.tfevents.${Math.floor(now)}.${process.pid}.after-step-${step}`;
    const file = await AppendedFile.open(join(folder, name), () => 0, onWarning);
    await file.append(tfRecord(versionEvent(now)));
    await file.append(tfRecord(restartEvent(now, step + 1)));
    return new EventFile(file);
  }

  async write({ step, ...measures }: MetricsRecord): Promise<void> {
    const scalars = Object.fromEntries(Object.entries(measures).map(([measure, value]) => [tag(measure), value]));
    await this.file.append(tfRecord(scalarEvent({ wallTime: Date.now() / 1000, step, scalars })));
  }

  close(): Promise<void> {
    return this.file.close();
  }
}
