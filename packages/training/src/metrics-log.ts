// RUN/metrics.jsonl: one JSON object a line, one line a logged step, only ever added to. Numbers are written so that
// they read back bit for bit (ECMA-262, Number::toString: the shortest digits that do).

import { readFile } from "node:fs/promises";
import { AppendedFile } from "./appended-file.ts";

/** The measures of a step by name. `step` counts finished steps: the first line has 1. */
export interface MetricsRecord {
  readonly step: number;
  readonly [measure: string]: number;
}

export class MetricsLog<Line extends { readonly step: number } = MetricsRecord> {
  private constructor(private readonly file: AppendedFile) {}

  /**
   * Opens a log to go on after `step`. What follows that step's line is cut off: lines written after the checkpoint that a
   * run resumes from, whose steps are about to be run again, and a line that a crash left incomplete.
   * @param onWarning is told, once each time it begins, that the system refuses to write, as on a full disk
   */
  static async open<Line extends { readonly step: number } = MetricsRecord>(
    path: string,
    step: number,
    onWarning: (message: string) => void,
  ): Promise<MetricsLog<Line>> {
    return new MetricsLog(await AppendedFile.open(path, (content) => endOfStep(content, step), onWarning));
  }

  /** Adds a line. Where the system refuses it waits for the next call, and the file keeps whole lines. */
  write(line: Line): Promise<void> {
    return this.file.append(Buffer.from(toLine(line)));
  }

  /** Brings what was written to the disk itself: a checkpoint must not be ahead of its log when the machine stops. */
  sync(): Promise<void> {
    return this.file.sync();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

/** The bytes of the whole lines up to the first of a step after `step`. */
function endOfStep(content: Buffer, step: number): number {
  for (let start = 0; ; ) {
    const newline = content.indexOf("\n", start);
    if (newline < 0) return start;
    const record = parseLine(content.toString("utf8", start, newline));
    if (record && record.step > step) return start;
    start = newline + 1;
  }
}

/** All whole lines of a log; none when there is no file. One that is damaged or was cut off by a crash is left out. */
export async function readMetrics(path: string): Promise<MetricsRecord[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text
    .split("\n")
    .slice(0, -1)
    .flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MetricsRecord | undefined {
  try {
    return JSON.parse(line) as MetricsRecord;
  } catch {
    return undefined;
  }
}

const toLine = (line: unknown) => `${JSON.stringify(line)}\n`;
