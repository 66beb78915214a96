// The header of a safetensors file, read as something that may be damaged or forged: nothing in it is
// believed before it is checked against the size of the file. Format:
// https://huggingface.co/docs/safetensors/index#format
import type { FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import { codecOf, dtypeNames, isDtype } from "./dtypes.ts";
import type { SafetensorsDtype } from "./dtypes.ts";
import { topLevelKeys } from "./json-keys.ts";
import { readExactly } from "./read-exactly.ts";

export interface TensorEntry {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Position of the first byte in the file, and the number of bytes. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>;
  /** By name, in the header's order. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** As large as the official reader allows; a header of a billion-parameter model is about 100 kB. */
const maximalHeaderBytes = 100_000_000;

/** The header of an open file. Throws an InputError that names the file and what is wrong with it. */
export async function readHeader(handle: FileHandle, path: string): Promise<SafetensorsHeader> {
  const { size } = await handle.stat();
  const fail: Fail = (reason) => {
    throw new InputError(`${path} is not a valid safetensors file: ${reason}.`);
  };
  if (size < 8) return fail(`it has ${size} bytes, and the length of the header alone takes 8`);
  const headerBytes = (await readExactly(handle, path, 0, 8)).readBigUInt64LE();
  const limit = Math.min(size - 8, maximalHeaderBytes);
  if (headerBytes > limit) return fail(`it announces a header of ${headerBytes} bytes where at most ${limit} fit`);
  const text = (await readExactly(handle, path, 8, Number(headerBytes))).toString("utf8");
  return parseHeader(text, 8 + Number(headerBytes), size, fail);
}

type Fail = (reason: string) => never;

function parseHeader(text: string, dataStart: number, fileSize: number, fail: Fail): SafetensorsHeader {
  const entries = Object.entries(parseObject(text, fail));
  let metadata: ReadonlyMap<string, string> = new Map();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, value] of entries) {
    if (name === "__metadata__") metadata = parseMetadata(value, fail);
    else tensors.set(name, parseEntry(name, value, dataStart, fail));
  }
  checkCoverage(tensors, dataStart, fileSize, fail);
  return { metadata, tensors };
}

function parseObject(text: string, fail: Fail): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(text);
  } catch {
    return fail("its header is not JSON");
  }
  if (!isObject(header)) return fail("its header is not a JSON object");
  const names = new Set<string>();
  for (const name of topLevelKeys(text)) {
    if (names.has(name)) return fail(`the name ${JSON.stringify(name)} is there twice`);
    names.add(name);
  }
  return header;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseMetadata(value: unknown, fail: Fail): ReadonlyMap<string, string> {
  if (!isObject(value)) return fail("its metadata is not an object");
  return new Map(Object.entries(value).map(([key, text]) =>
    typeof text === "string" ? [key, text] : fail(`its metadata ${JSON.stringify(key)} is not text`)));
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

function parseEntry(name: string, value: unknown, dataStart: number, fail: Fail): TensorEntry {
  const failEntry: Fail = (reason) => fail(`tensor ${JSON.stringify(name)} ${reason}`);
  if (!isObject(value)) return failEntry("is not described by an object");
  const { dtype, shape, data_offsets: offsets } = value;
  if (!isDtype(dtype)) return failEntry(`has dtype ${JSON.stringify(dtype)}, not one of ${dtypeNames.join(", ")}`);
  if (!Array.isArray(shape) || !shape.every(isCount)) return failEntry(`has shape ${JSON.stringify(shape)}`);
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0]! > offsets[1]!) {
    return failEntry(`has data_offsets ${JSON.stringify(offsets)}`);
  }
  const [begin, end] = offsets as [number, number];
  const expected = (shape as number[]).reduce((product, size) => product * size, codecOf(dtype).bytes);
  if (end - begin !== expected) {
    return failEntry(`takes ${end - begin} bytes, and ${dtype} [${shape}] needs ${expected}`);
  }
  return { dtype, shape: shape as number[], offset: dataStart + begin, byteLength: end - begin };
}

/** The tensors must tile the data: no overlap, no hole, nothing past the end. */
function checkCoverage(tensors: ReadonlyMap<string, TensorEntry>, dataStart: number, fileSize: number, fail: Fail): void {
  const byPosition = [...tensors].sort(([, a], [, b]) => a.offset - b.offset || a.byteLength - b.byteLength);
  let end = dataStart;
  for (const [name, { offset, byteLength }] of byPosition) {
    const label = `tensor ${JSON.stringify(name)}`;
    if (offset < end) fail(`${label} overlaps another one`);
    if (offset > end) fail(`no tensor covers the ${offset - end} bytes before ${label}`);
    end = offset + byteLength;
    if (end > fileSize) fail(`${label} ends ${end - fileSize} bytes after the file does; it is incomplete`);
  }
  if (end < fileSize) fail(`${fileSize - end} bytes at its end belong to no tensor`);
}
