// For tests: tar archives, byte by byte.

import { blockBytes } from "./tar-header.ts";

export interface TarEntry {
  readonly name: string;
  readonly content?: string | Uint8Array;
  /** The type flag; "0" is a plain file. */
  readonly type?: string;
  readonly prefix?: string;
  /** Written in the header in place of the content's length, as octal or as given. */
  readonly size?: number | Uint8Array;
}

/** An archive of `entries`, with its end mark. */
export function makeTar(entries: readonly TarEntry[]): Buffer {
  return Buffer.concat([...entries.map(entry), Buffer.alloc(2 * blockBytes)]);
}

/** A pax record: "LENGTH key=value\n", the length counting itself. */
export function paxRecord(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const bytes = Buffer.byteLength(rest);
  const digits = String(bytes + String(bytes).length).length;
  return `${bytes + digits}${rest}`;
}

function entry({ name, content = "", type = "0", prefix = "", size }: TarEntry): Buffer {
  const body = Buffer.from(content as string);
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0, 100, "utf8");
  header.write("0000644\0", 100);
  if (size instanceof Uint8Array) header.set(size, 124);
  else header.write(`${(size ?? body.length).toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write(type, 156);
  header.write("ustar\u000000", 257, "latin1");
  header.write(prefix, 345, 155, "utf8");
  return Buffer.concat([sign(header), body, Buffer.alloc((blockBytes - (body.length % blockBytes)) % blockBytes)]);
}

/** Writes the checksum, which counts its own eight bytes as spaces. */
export function sign(header: Buffer): Buffer {
  header.fill(" ", 148, 156);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
