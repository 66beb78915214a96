// MATLAB's files of version 5, "-v7" included: numbers, texts, cells and structs of them, which is what annotations of data sets
// hold. Nothing in a file is run, and what a file claims to be long is checked against what there is.
//
// Source: "MAT-File Format", MathWorks; level 5.

import { readFile } from "node:fs/promises";
import { inflateSync } from "node:zlib";
import { InputError } from "@dinov2/foundation";

/** All elements of an array in MATLAB's order, columns first; a text; the values of cells; a map of its fields for each struct. */
export type MatValue = Float64Array | string | ReadonlyMap<string, MatValue> | readonly MatValue[];

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

const headerSize = 128;
const [matrixType, compressedType] = [14, 15];
const [cellClass, structClass, textClass] = [1, 2, 4];
/** The classes double, single, and the signed and unsigned integers of 8, 16 and 32 bits. */
const numericClasses = [6, 7, 8, 9, 10, 11, 12, 13];
/** By the type of a data element; whole numbers are often stored in a smaller one than their class. */
const numericTypes = {
  1: Int8Array,
  2: Uint8Array,
  3: Int16Array,
  4: Uint16Array,
  5: Int32Array,
  6: Uint32Array,
  7: Float32Array,
  9: Float64Array,
};
const [mostBytes, mostDepth] = [1 << 28, 8];

/**
 * The variables of a file, by name.
 * @throws InputError when it is missing or damaged, of another version, or holds what is no plain data
 */
export async function readMatFile(file: string): Promise<ReadonlyMap<string, MatValue>> {
  const bytes = await readFile(file).catch(() => {
    throw new InputError(`There is no ${file}; put it there.`);
  });
  try {
    const version = bytes.toString("latin1", 124, headerSize);
    if (version === "\0\x02IM") throw new Error("it is of version 7.3; save it with -v7");
    if (version !== "\0\x01IM") throw new Error("it has not the header of one, with the lowest byte first");
    return new Map(elements(bytes.subarray(headerSize)).map((element) => variable(inflated(element))));
  } catch (error) {
    throw new InputError(`${file} cannot be read as a MATLAB file of version 5 (${(error as Error).message}).`);
  }
}

/** One after another: a tag of 8 bytes and the data, or a tag of 4 and up to 4 bytes of data; the next begins at a multiple of 8. */
function elements(bytes: Buffer): Element[] {
  const found: Element[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (at + 8 > bytes.length) throw new Error("it breaks off");
    const word = bytes.readUInt32LE(at);
    const smallSize = word >>> 16;
    const [type, size, start] = smallSize > 0 ? [word & 0xffff, smallSize, at + 4] : [word, bytes.readUInt32LE(at + 4), at + 8];
    if (smallSize > 4 || start + size > bytes.length) throw new Error("it breaks off");
    found.push({ type, data: bytes.subarray(start, start + size) });
    // Of compressed data alone the length is as it comes.
    at = type === compressedType ? start + size : Math.ceil((start + size) / 8) * 8;
  }
  return found;
}

function inflated(element: Element): Element {
  if (element.type !== compressedType) return element;
  return elements(inflateSync(element.data, { maxOutputLength: mostBytes }))[0] ?? { type: 0, data: element.data };
}

function variable({ type, data }: Element): [name: string, value: MatValue] {
  if (type !== matrixType) throw new Error(`it has an element of type ${type} in place of a variable`);
  const [, , name] = elements(data);
  return [name?.data.toString("latin1") ?? "", array(data, 0)];
}

/** Flags, dimensions and the name come first, then what the class asks for. */
function array(matrix: Buffer, depth: number): MatValue {
  if (matrix.length === 0) return new Float64Array(0);
  if (depth > mostDepth) throw new Error(`it has arrays in arrays, more than ${mostDepth} deep`);
  const [flags, dimensions, , ...content] = elements(matrix);
  if (!flags || !dimensions || flags.data.length < 8) throw new Error("it has an array without a head");
  const kind = flags.data[0]!;
  const sizes = numbers(dimensions);
  const count = sizes.reduce((product, size) => product * size, 1);
  const isComplex = (flags.data[1]! & 8) !== 0;
  if (numericClasses.includes(kind) && !isComplex) return counted(numbers(content[0]), count);
  if (kind === textClass && sizes[0]! <= 1) return text(content[0]);
  if (kind === cellClass) return counted(content, count).map((element) => inner(element, depth));
  if (kind === structClass) return structs(content, count, depth);
  throw new Error(`it has an array of class ${kind}${isComplex ? ", complex" : ""}; expected real numbers, texts of one line, cells and structs`);
}

function inner({ type, data }: Element, depth: number): MatValue {
  if (type !== matrixType) throw new Error(`it has an element of type ${type} in an array of arrays`);
  return array(data, depth + 1);
}

/** The longest length of a field's name, all names, then the fields of each struct. */
function structs([longest, names, ...values]: readonly Element[], count: number, depth: number): MatValue {
  const length = numbers(longest)[0] ?? 0;
  const fieldCount = (names?.data.length ?? 0) / length;
  if (!names || !Number.isInteger(fieldCount) || fieldCount === 0) throw new Error("it has structs without names of fields");
  const fields = Array.from({ length: fieldCount }, (_, i) => names.data.toString("latin1", i * length, (i + 1) * length).replace(/\0.*$/s, ""));
  counted(values, count * fieldCount);
  return Array.from({ length: count }, (_, i) => new Map(fields.map((field, k) => [field, inner(values[i * fieldCount + k]!, depth)])));
}

function counted<List extends { readonly length: number }>(list: List, count: number): List {
  if (list.length !== count) throw new Error(`it has an array of ${list.length} elements, and says ${count}`);
  return list;
}

function numbers(element: Element | undefined): Float64Array {
  const Numbers = numericTypes[element?.type as keyof typeof numericTypes];
  if (!element || !Numbers || element.data.length % Numbers.BYTES_PER_ELEMENT !== 0) throw new Error(`it has no numbers where they are expected, but type ${element?.type}`);
  return Float64Array.from(new Numbers(new Uint8Array(element.data).buffer));
}

/** Characters of one byte, or two. */
function text(element: Element | undefined): string {
  const wide = element?.type === 4 || element?.type === 17;
  return element?.data.toString(wide ? "utf16le" : "utf8") ?? "";
}
