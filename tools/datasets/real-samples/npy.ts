// Arrays that numpy saved, alone or several in a zip file: bytes, whole numbers of 32 bits, floats of 32 bits and truths, row by row.
// Formats: numpy.lib.format, version 1; APPNOTE.TXT of PKWARE, sections 4.3.7, 4.3.12 and 4.3.16.

import { readFile } from "node:fs/promises";
import { inflateRawSync } from "node:zlib";
import { InputError } from "@dinov2/foundation";

export interface NumpyArray {
  readonly shape: readonly number[];
  readonly values: Uint8Array | Int32Array | Float32Array;
}

const types = { "|u1": Uint8Array, "|b1": Uint8Array, "<i4": Int32Array, "<f4": Float32Array } as const;

/** @throws InputError when the bytes are none of these arrays */
function parseNpy(bytes: Buffer, origin: string): NumpyArray {
  const header = bytes.toString("latin1", 10, 10 + (bytes.length > 10 ? bytes.readUInt16LE(8) : 0));
  const [, type] = /'descr': '([^']*)', 'fortran_order': False/.exec(header) ?? [];
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "").split(",").map((size) => size.trim()).filter(Boolean).map(Number);
  const Values = types[type as keyof typeof types];
  const size = shape.reduce((product, length) => product * length, 1);
  const data = Uint8Array.from(bytes.subarray(10 + header.length));
  if (bytes.toString("latin1", 0, 6) !== "\x93NUMPY" || !Values || data.length !== size * Values.BYTES_PER_ELEMENT) {
    throw new InputError(`${origin} is no array that can be read; expected one of ${Object.keys(types).join(", ")}, row by row, as numpy saves it.`);
  }
  return { shape, values: new Values(data.buffer) };
}

/**
 * One array of a .npz file.
 * @throws InputError when the file or the array in it is missing or damaged
 */
export async function readNpz(path: string, name: string): Promise<NumpyArray> {
  const zip = await readFile(path).catch(() => {
    throw new InputError(`There is no ${path}; unpack the package that has it.`);
  });
  const end = zip.lastIndexOf("PK\x05\x06", undefined, "latin1");
  for (let at = end < 0 ? zip.length : zip.readUInt32LE(end + 16); at + 46 <= zip.length && zip.toString("latin1", at, at + 4) === "PK\x01\x02"; ) {
    const [nameLength, extra, comment] = [zip.readUInt16LE(at + 28), zip.readUInt16LE(at + 30), zip.readUInt16LE(at + 32)];
    if (zip.toString("latin1", at + 46, at + 46 + nameLength) === `${name}.npy`) return parseNpy(entry(zip, at), `${name} of ${path}`);
    at += 46 + nameLength + extra + comment;
  }
  throw new InputError(`${path} has no array ${name}; expected the file of the package.`);
}

/** What is stored under a line of the directory, unpacked. */
function entry(zip: Buffer, at: number): Buffer {
  const [method, size, start] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20), zip.readUInt32LE(at + 42)];
  const data = start + 30 + zip.readUInt16LE(start + 26) + zip.readUInt16LE(start + 28);
  const packed = zip.subarray(data, data + size);
  return method === 0 ? packed : inflateRawSync(packed);
}
