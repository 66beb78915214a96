// The numbers and texts behind the instructions of a pickle.

import { InputError } from "../errors.ts";

export class PickleBytes {
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly origin: string,
    public position: number,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  byte(): number {
    return this.view.getUint8(this.skip(1));
  }

  uint16(): number {
    return this.view.getUint16(this.skip(2), true);
  }

  uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  int32(): number {
    return this.view.getInt32(this.skip(4), true);
  }

  float64(): number {
    return this.view.getFloat64(this.skip(8), false);
  }

  /** A little-endian two's complement number of `length` bytes. */
  long(length: number): number {
    if (length === 0) return 0;
    const digits = [...this.bytes.subarray(this.skip(length), this.position)].reverse();
    const unsigned = digits.reduce((sum, digit) => sum * 256n + BigInt(digit), 0n);
    return this.exact(Number(BigInt.asIntN(8 * length, unsigned)));
  }

  /** A number in digits, or a truth value as Python 2 wrote it: 00, 01. */
  integerLine(): number | boolean {
    const text = this.line();
    if (text === "00" || text === "01") return text === "01";
    if (!/^-?\d+L?$/.test(text)) throw new RangeError("not a whole number");
    return this.exact(Number(text.replace("L", "")));
  }

  text(length: number): string {
    return this.buffer(length).toString("utf8");
  }

  latin1(length: number): string {
    return this.buffer(length).toString("latin1");
  }

  raw(length: number): Uint8Array {
    return Uint8Array.from(this.buffer(length));
  }

  /** Up to the end of the line, in Latin 1. */
  line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new RangeError("no end of line");
    const text = this.latin1(end - this.position);
    this.skip(1);
    return text;
  }

  /** A line in Python's raw-unicode-escape: Latin 1, and \\uXXXX for the rest. */
  unicodeLine(): string {
    return this.line().replaceAll(/\\u([0-9a-f]{4})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 16)));
  }

  /** A line of Python source: 'plain' or "plain", without escapes. */
  quotedLine(): string {
    const quoted = /^(['"])([^\\]*)\1$/.exec(this.line());
    if (!quoted) throw new InputError(`${this.origin} holds an escaped byte string in an old pickle; save it with protocol 2 or higher.`);
    return quoted[2]!;
  }

  /** Moves on by `count` bytes, and gives where they start. */
  skip(count: number): number {
    const start = this.position;
    if (start + count > this.bytes.length) throw new RangeError("end of data");
    this.position += count;
    return start;
  }

  private buffer(length: number): Buffer {
    const start = this.skip(length);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length);
  }

  private exact(value: number): number {
    if (!Number.isSafeInteger(value)) throw new InputError(`${this.origin} holds a whole number beyond 2^53.`);
    return value;
  }
}
