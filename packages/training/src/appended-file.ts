// A file that is only ever added to, record by record, and keeps whole records: a disk that is full, or gone for a while, does not
// end a run of a week.

import { type FileHandle, open } from "node:fs/promises";

/** Records that wait for room on the disk; older ones are given up. */
const mostWaiting = 10_000;

export class AppendedFile {
  private waiting: Uint8Array[] = [];
  private isRefused = false;

  private constructor(
    private readonly path: string,
    private readonly file: FileHandle,
    /** Where the next record begins: all before it are whole. */
    private end: number,
    private readonly onWarning: (message: string) => void,
  ) {}

  /**
   * @param endOf what stays of the file's content, in bytes; what follows is cut off
   * @param onWarning is told, once each time it begins, that the system refuses to write
   */
  static async open(
    path: string,
    endOf: (content: Buffer) => number,
    onWarning: (message: string) => void,
  ): Promise<AppendedFile> {
    const file = await open(path, "a+");
    try {
      const end = endOf(await file.readFile());
      await file.truncate(end);
      return new AppendedFile(path, file, end, onWarning);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Adds a record. Where the system refuses it waits for the next call. */
  async append(record: Uint8Array): Promise<void> {
    this.waiting.push(record);
    if (this.waiting.length > mostWaiting) this.waiting.shift();
    await this.unlessRefused(() => this.flush());
  }

  /** Brings what was added to the disk itself. */
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
      const record = this.waiting[0]!;
      try {
        await this.file.appendFile(record);
      } catch (error) {
        // Some of it may be there. Cutting takes no room.
        await this.file.truncate(this.end);
        throw error;
      }
      this.end += record.length;
      this.waiting.shift();
    }
  }

  private async unlessRefused(write: () => Promise<void>): Promise<void> {
    try {
      await write();
      this.isRefused = false;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).syscall === undefined) throw error;
      if (!this.isRefused) this.onWarning(`${this.path} cannot be written: ${(error as Error).message}; what it lacks will wait in memory.`);
      this.isRefused = true;
    }
  }
}
