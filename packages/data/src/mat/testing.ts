// For tests: files in the words of "MAT-File Format", level 5: a tag of type and bytes, then data filled up to a multiple of 8.

import { deflateSync } from "node:zlib";

export const uint32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer);
export const matElement = (type: number, data: Uint8Array) => Buffer.concat([uint32(type, data.length), data, Buffer.alloc((8 - (data.length % 8)) % 8)]);
/** Up to four bytes, in a tag of its own. */
export const smallMatElement = (type: number, data: Uint8Array) => Buffer.concat([uint32((data.length << 16) | type), data, Buffer.alloc(4 - data.length)]);
export const [int8, uint8, uint16, int32, uint32Type, double, matrixType, compressed] = [1, 2, 4, 5, 6, 9, 14, 15];

export const matArray = (kind: number, sizes: readonly number[], name: string, ...content: Buffer[]) =>
  matElement(matrixType, Buffer.concat([matElement(uint32Type, uint32(kind, 0)), matElement(int32, uint32(...sizes)), matElement(int8, Buffer.from(name)), ...content]));
export const matDoubles = (name: string, ...values: number[]) => matArray(6, [1, values.length], name, matElement(double, new Uint8Array(Float64Array.from(values).buffer)));
/** Class uint8. */
export const matBytes = (name: string, ...values: number[]) => matArray(9, [1, values.length], name, values.length > 4 ? matElement(uint8, Uint8Array.from(values)) : smallMatElement(uint8, Uint8Array.from(values)));
export const matChars = (name: string, text: string) => matArray(4, [1, text.length], name, matElement(uint16, Buffer.from(text, "utf16le")));
export const matCells = (name: string, ...values: Buffer[]) => matArray(1, [1, values.length], name, ...values);
export const matStructs = (name: string, fields: readonly string[], ...values: Buffer[]) =>
  matArray(2, [1, values.length / fields.length], name, smallMatElement(int32, uint32(32)), matElement(int8, Buffer.concat(fields.map((field) => Buffer.from(field.padEnd(32, "\0"))))), ...values);

export const matFile = (...variables: Buffer[]) => Buffer.concat([Buffer.from("MATLAB 5.0 MAT-file, Platform: GLNX86".padEnd(124)), Buffer.from("\0\x01IM", "latin1"), ...variables]);
/** As MATLAB saves by itself: each variable compressed, and not filled up. */
export const matPacked = (variable: Buffer) => {
  const data = deflateSync(variable);
  return Buffer.concat([uint32(compressed, data.length), data]);
};
