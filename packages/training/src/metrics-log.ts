// RUN/metrics.jsonl: one JSON object a line, one line a logged step, only ever added to.

import { appendFile, readFile } from "node:fs/promises";
import { writeFileAtomic } from "@dinov2/foundation";

/** The measures of a step by name. `step` counts finished steps: the first line has 1. */
export interface MetricsRecord {
  readonly step: number;
  readonly [measure: string]: number;
}

export class MetricsLog {
  private constructor(private readonly path: string) {}

  /**
   * Opens a log to go on after `step`. Lines of later steps, written after the checkpoint that a run
   * resumes from, are dropped: those steps are about to be run again.
   */
  static async open(path: string, step: number): Promise<MetricsLog> {
    const kept = (await readMetrics(path)).filter((record) => record.step <= step);
    await writeFileAtomic(path, kept.map(toLine).join(""));
    return new MetricsLog(path);
  }

  async write(record: MetricsRecord): Promise<void> {
    await appendFile(this.path, toLine(record));
  }
}

/** All whole lines of a log; none when there is no file. A line cut off by a crash is left out. */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .split("\n")
    .slice(0, -1)
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as MetricsRecord);
}

const toLine = (record: MetricsRecord) => `${JSON.stringify(record)}\n`;
