// The files in a tar archive, from its headers alone: their contents are stepped over.

import { open, type FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import type { FilePart } from "../file-part.ts";
import { blockBytes, parsePax, parseTarHeader, printable, TarError, text } from "./tar-header.ts";

/** A plain file in an archive; its part says where its contents lie. */
export interface TarMember extends FilePart {
  readonly name: string;
}

/** Facts about an entry (long names) beyond this are no facts. */
const largestNote = 1 << 20;
/** Archives are filled up with zeros to whole records; more behind the end mark than this is content that would be lost. */
const largestFill = 1 << 20;
/** Enough for a header, a label and the header after it: a small multiple of what a disk reads anyway. */
const windowBytes = 1 << 12;

/** An archive opened for reading in order. */
export class TarFile {
  private window = Buffer.alloc(0);
  private windowAt = 0;

  private constructor(
    readonly file: string,
    private readonly handle: FileHandle,
    private readonly size: number,
  ) {}

  /** Opens the archive for as long as `use` takes. */
  static async with<T>(file: string, use: (tar: TarFile) => Promise<T>): Promise<T> {
    const handle = await open(file);
    try {
      return await use(new TarFile(file, handle, (await handle.stat()).size));
    } finally {
      await handle.close();
    }
  }

  /**
   * All plain files, in order; `within` looks into one that is an archive itself. Nothing is unpacked or written anywhere.
   * @throws InputError with file and offset when the archive is damaged, cut short, or holds links or sparse files
   */
  async *members(within: FilePart = { file: this.file, offset: 0, size: this.size }): AsyncGenerator<TarMember> {
    const end = within.offset + within.size;
    let facts: { path?: string; size?: number } = {};
    for (let at = within.offset; at < end; ) {
      const header = await this.at(at, async () => parseTarHeader(await this.read(at, blockBytes, end)));
      if (header === undefined) return this.requireOnlyFill(at, end);
      const offset = at + blockBytes;
      const name = facts.path ?? header.name;
      const size = facts.size ?? header.size;
      if (offset + size > end) throw this.damaged(at, `is cut short: "${printable(name)}" needs ${offset + size - end} more bytes`);
      at = offset + Math.ceil(size / blockBytes) * blockBytes;
      if (header.kind === "gnu-name" || header.kind === "pax") {
        const note = await this.at(offset, () => this.note({ offset, size }, end));
        const more = header.kind === "pax" ? await this.at(offset, () => Promise.resolve(parsePax(note))) : { path: text(note, 0, size) };
        facts = { ...facts, ...more };
        continue;
      }
      if (header.kind === "note") continue;
      facts = {};
      if (header.kind === "file") yield { file: this.file, name: printable(name), offset, size };
    }
  }

  /** The contents of a small member. */
  async textOf(member: TarMember): Promise<string> {
    return this.at(member.offset, async () => (await this.note(member, this.size)).toString("utf8"));
  }

  private async note({ offset, size }: Pick<FilePart, "offset" | "size">, end: number): Promise<Buffer> {
    if (size > largestNote) throw new TarError(`has ${size} bytes where at most ${largestNote} make sense`);
    return this.read(offset, size, end);
  }

  private async read(offset: number, size: number, end: number): Promise<Buffer> {
    if (offset + size > end) throw new TarError("is cut short within a header");
    if (offset < this.windowAt || offset + size > this.windowAt + this.window.length) {
      const buffer = Buffer.allocUnsafe(Math.max(size, windowBytes));
      const { bytesRead } = await this.handle.read(buffer, 0, buffer.length, offset);
      if (bytesRead < size) throw new TarError("is cut short");
      this.window = buffer.subarray(0, bytesRead);
      this.windowAt = offset;
    }
    return this.window.subarray(offset - this.windowAt, offset - this.windowAt + size);
  }

  private requireOnlyFill(at: number, end: number): void {
    if (end - at <= largestFill) return;
    throw this.damaged(at, `has its end mark here, but ${end - at} more bytes follow; is it damaged, or two archives in one`);
  }

  /** Adds file and offset to what goes wrong in `work`. */
  private async at<T>(offset: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw error instanceof TarError ? this.damaged(offset, error.message) : error;
    }
  }

  private damaged(offset: number, reason: string): InputError {
    return new InputError(`Archive ${this.file}, byte ${offset}: ${reason}. Repair or fetch it again, or leave it out.`);
  }
}
