// The zip archive around a `.pth` file: where each entry's bytes lie. torch stores entries uncompressed, so a tensor is a
// range of the file and nothing needs to be unpacked. Large files use the 64-bit fields.

import type { FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import { readExactly } from "../safetensors/read-exactly.ts";

export interface ArchiveEntry {
  /** Of the entry's local header; its data follows. */
  readonly headerOffset: number;
  readonly byteLength: number;
}

const endSignature = 0x06054b50;
const end64Signature = 0x06064b50;
const locator64Signature = 0x07064b50;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const longestEnd = 22 + 0xffff;
const largestDirectory = 1 << 28;

/** The entries by name, from the directory at the file's end. */
export async function readArchive(handle: FileHandle, path: string): Promise<Map<string, ArchiveEntry>> {
  const { offset, byteLength, count } = await findDirectory(handle, path);
  if (byteLength > largestDirectory) throw damaged(path, "its directory is too large");
  const bytes = await readExactly(handle, path, offset, byteLength);
  const entries = new Map<string, ArchiveEntry>();
  let at = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > bytes.length || bytes.readUInt32LE(at) !== centralSignature) throw damaged(path, "its directory is incomplete");
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((field) => bytes.readUInt16LE(at + field));
    const nameEnd = at + 46 + nameLength!;
    const name = bytes.toString("utf8", at + 46, nameEnd);
    if (bytes.readUInt16LE(at + 10) !== 0) throw new InputError(`${path}: the entry ${name} is compressed; torch.save does not do that.`);
    entries.set(name, entryOf(bytes, at, bytes.subarray(nameEnd, nameEnd + extraLength!)));
    at = nameEnd + extraLength! + commentLength!;
  }
  return entries;
}

/** Sizes of 0xffffffff stand for 64-bit ones in the extra field of tag 1, which holds only those needed, in this order. */
function entryOf(directory: Buffer, at: number, extra: Buffer): ArchiveEntry {
  const wide = extraField(extra, 1);
  let next = 0;
  const field = (position: number) => {
    const value = directory.readUInt32LE(at + position);
    if (value !== 0xffffffff) return value;
    next += 8;
    return Number(wide.readBigUInt64LE(next - 8));
  };
  const byteLength = field(24);
  field(20); // The compressed size, equal to the other; it has its place in the order.
  return { byteLength, headerOffset: field(42) };
}

function extraField(extra: Buffer, tag: number): Buffer {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === tag) return extra.subarray(at + 4, at + 4 + extra.readUInt16LE(at + 2));
  }
  return extra.subarray(0, 0);
}

async function findDirectory(handle: FileHandle, path: string) {
  const { size } = await handle.stat();
  const tail = await readExactly(handle, path, Math.max(0, size - longestEnd), Math.min(size, longestEnd));
  const end = tail.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]));
  if (end < 0 || end + 22 > tail.length || tail.readUInt32LE(end) !== endSignature) throw damaged(path, "its end is missing");
  const locator = end - 20;
  if (locator >= 0 && tail.readUInt32LE(locator) === locator64Signature) {
    const record = await readExactly(handle, path, Number(tail.readBigUInt64LE(locator + 8)), 56);
    if (record.readUInt32LE(0) !== end64Signature) throw damaged(path, "its end is missing");
    const [count, byteLength, offset] = [32, 40, 48].map((field) => Number(record.readBigUInt64LE(field)));
    return { count: count!, byteLength: byteLength!, offset: offset! };
  }
  return { count: tail.readUInt16LE(end + 10), byteLength: tail.readUInt32LE(end + 12), offset: tail.readUInt32LE(end + 16) };
}

/** Where an entry's data starts: behind its local header, whose length differs from the directory's. */
export async function dataOffset(handle: FileHandle, path: string, entry: ArchiveEntry): Promise<number> {
  const header = await readExactly(handle, path, entry.headerOffset, 30);
  if (header.readUInt32LE(0) !== localSignature) throw damaged(path, "an entry is not where the directory says");
  return entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

const damaged = (path: string, what: string): InputError => new InputError(`${path} is damaged: ${what}. Download it again.`);
