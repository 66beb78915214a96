// RUN/metrics.jsonl: one JSON object a line, one line a logged step, only ever added to. Numbers are written so that
// they read back bit for bit (ECMA-262, Number::toString: the shortest digits that do).

import { type FileHandle, open, readFile } from "node:fs/promises";

/** The measures of a step by name. `step` counts finished steps: the first line has 1. */
export interface MetricsRecord {
  readonly step: number;
  readonly [measure: string]: number;
}

/** Lines that wait for room on the disk; older ones are given up. */
const mostWaiting = 10_000;

export class MetricsLog {
  private waiting: Buffer[] = [];
  private isRefused = false;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** Where the next line begins: all before it are whole. */
    private end: number,
    private readonly onWarning: (message: string) => void,
  ) {}

  /**
   * Opens a log to go on after `step`. What follows that step's line is cut off: lines written after the checkpoint that a
   * run resumes from, whose steps are about to be run again, and a line that a crash left incomplete.
   * @param onWarning is told, once each time it begins, that the system refuses to write, as on a full disk
   */
  static async open(path: string, step: number, onWarning: (message: string) => void): Promise<MetricsLog> {
    const file = await open(path, "a+");
    try {
      const end = endOfStep(await file.readFile(), step);
      await file.truncate(end);
      return new MetricsLog(path, file, end, onWarning);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Adds a line. Where the system refuses it waits for the next call, and the file keeps whole lines. */
  async write(record: MetricsRecord): Promise<void> {
    this.waiting.push(Buffer.from(toLine(record)));
    if (this.waiting.length > mostWaiting) this.waiting.shift();
    await this.unlessRefused(() => this.flush());
  }

  /** Brings what was written to the disk itself: a checkpoint must not be ahead of its log when the machine stops. */
  async sync(): Promise<void> {
    await this.unlessRefused(async () => {
      await this.flush();
      await this.file.sync();
    });
  }

  async close(): Promise<void> {
    await this.sync();
    if (this.waiting.length > 0) this.onWarning(`${this.path} lacks its last ${this.waiting.length} lines.`);
    await this.file.close();
  }

  private async flush(): Promise<void> {
    while (this.waiting.length > 0) {
      const line = this.waiting[0]!;
      try {
        await this.file.appendFile(line);
      } catch (error) {
        // Some of it may be there. Cutting takes no room.
        await this.file.truncate(this.end);
        throw error;
      }
      this.end += line.length;
      this.waiting.shift();
    }
  }

  private async unlessRefused(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.isRefused = false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      if (!this.isRefused) this.onWarning(`${this.path} cannot be written: ${(error as Error).message}; its lines wait in memory.`);
      this.isRefused = true;
    }
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

const toLine = (record: MetricsRecord) => `${JSON.stringify(record)}\n`;
