// One 512-byte header of a tar archive: POSIX ustar and pax, and the GNU forms that archives in the wild have.
// Layout: POSIX.1-2017, "pax", ustar Interchange Format.

/** What is wrong with an archive; whoever reads it adds where. */
export class TarError extends Error {}

export const blockBytes = 512;

/** What an entry is. `note` entries hold facts about the next one. */
export type EntryKind = "file" | "folder" | "gnu-name" | "pax" | "note";

export interface TarHeader {
  readonly name: string;
  readonly size: number;
  readonly kind: EntryKind;
}

const decoder = new TextDecoder();
const space = 32;
const checksumAt = 148;

/** Reads a header; undefined when the block is the mark of an archive's end. Throws `TarError`. */
export function parseTarHeader(block: Uint8Array): TarHeader | undefined {
  if (block.every((byte) => byte === 0)) return undefined;
  let sum = 0;
  block.forEach((byte, i) => (sum += i >= checksumAt && i < checksumAt + 8 ? space : byte));
  if (octal(block, checksumAt, 8, "checksum") !== sum) throw new TarError("is not a tar header (its checksum is wrong)");
  // GNU's own format puts times where ustar has the rest of a long name.
  const isUstar = text(block, 257, 6) === "ustar" && block[262] === 0;
  const prefix = isUstar ? text(block, 345, 155) : "";
  const name = (prefix === "" ? "" : `${prefix}/`) + text(block, 0, 100);
  return { name, size: number(block, 124, 12), kind: kindOf(String.fromCharCode(block[156]!), name) };
}

function kindOf(type: string, name: string): EntryKind {
  switch (type) {
    case "0":
    case "\0":
    case "7":
      return name.endsWith("/") ? "folder" : "file";
    case "5":
      return "folder";
    case "L":
      return "gnu-name";
    case "x":
      return "pax";
    case "K":
    case "g":
    case "V":
      return "note";
    case "1":
    case "2":
      throw new TarError(`holds a link, "${printable(name)}"; expected plain files (make the archive with --dereference --hard-dereference)`);
    case "S":
      throw new TarError(`holds a sparse file, "${printable(name)}"; expected plain files`);
    default:
      throw new TarError(`holds an entry of type "${printable(type)}", "${printable(name)}"; expected plain files`);
  }
}

/** What a pax record says about the next entry. Throws `TarError`. */
export function parsePax(bytes: Uint8Array): { readonly path?: string; readonly size?: number } {
  const facts: { path?: string; size?: number } = {};
  for (let at = 0; at < bytes.length; ) {
    const gap = bytes.indexOf(space, at);
    const length = gap < 0 ? NaN : Number(decoder.decode(bytes.subarray(at, gap)));
    if (!Number.isInteger(length) || length <= gap - at || at + length > bytes.length) {
      throw new TarError("holds a pax record of a wrong length");
    }
    const [key = "", ...value] = decoder.decode(bytes.subarray(gap + 1, at + length - 1)).split("=");
    if (key === "path") facts.path = value.join("=");
    if (key === "size") facts.size = wholeNumber(value.join("="));
    if (key.startsWith("GNU.sparse")) throw new TarError("holds a sparse file; expected plain files");
    at += length;
  }
  return facts;
}

function wholeNumber(digits: string): number {
  if (!/^\d{1,15}$/.test(digits)) throw new TarError(`holds the size "${printable(digits.slice(0, 20))}"`);
  return Number(digits);
}

/** The text before the first zero byte. */
export function text(block: Uint8Array, at: number, length: number): string {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return decoder.decode(end < 0 ? field : field.subarray(0, end));
}

/** Octal digits, or where they do not fit GNU's big-endian bytes behind a first bit that is set. */
function number(block: Uint8Array, at: number, length: number): number {
  if (block[at]! < 0x80) return octal(block, at, length, "size");
  let value = block[at]! & 0x7f;
  for (let i = 1; i < length; i++) value = value * 256 + block[at + i]!;
  if (!Number.isSafeInteger(value)) throw new TarError("holds a size beyond all bounds");
  return value;
}

function octal(block: Uint8Array, at: number, length: number, what: string): number {
  const digits = text(block, at, length).trim();
  if (!/^[0-7]*$/.test(digits)) throw new TarError(`is not a tar header (its ${what} is no octal number)`);
  return digits === "" ? 0 : parseInt(digits, 8);
}

/** A name that cannot disturb a terminal. */
export function printable(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
