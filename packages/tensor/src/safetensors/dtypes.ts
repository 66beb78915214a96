// The dtypes of a safetensors file, and the typed array that each becomes in JavaScript.
import { bfloat16ToFloat32, float16ToFloat32, float32ToBfloat16, float32ToFloat16 } from "./half.ts";

export type TypedArray = Float32Array | Float64Array | Int32Array | Int16Array | Int8Array | Uint8Array;

export type SafetensorsDtype = "F64" | "F32" | "F16" | "BF16" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";

interface DtypeCodec {
  /** Size of one element in the file. */
  readonly bytes: number;
  /** Takes ownership of `raw`, whose length is a multiple of `bytes`; may use its memory. */
  decode(raw: Uint8Array): TypedArray;
  /** The little-endian bytes of `values`; may share their memory. */
  encode(values: TypedArray): Uint8Array;
}

type TypedArrayClass<T extends TypedArray> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
  from(values: ArrayLike<number>): T;
};

const bytesOf = (values: NodeJS.TypedArray) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength);

/** A dtype that JavaScript has itself: the file's bytes are the array's. (Every machine Node runs on is little-endian.) */
function plain<T extends TypedArray>(arrayClass: TypedArrayClass<T>): DtypeCodec {
  const bytes = arrayClass.BYTES_PER_ELEMENT;
  return {
    bytes,
    decode: (raw) => new arrayClass(raw.buffer, raw.byteOffset, raw.byteLength / bytes),
    encode: (values) => bytesOf(values instanceof arrayClass ? values : arrayClass.from(values)),
  };
}

function half(toFloat32: (half: number) => number, fromFloat32: (value: number) => number): DtypeCodec {
  return {
    bytes: 2,
    decode: (raw) => Float32Array.from(new Uint16Array(raw.buffer, raw.byteOffset, raw.byteLength / 2), toFloat32),
    encode: (values) => bytesOf(Uint16Array.from(values, fromFloat32)),
  };
}

/** Whole numbers as doubles, exact up to 2^53; larger ones have no place in a JavaScript number and throw. */
const int64: DtypeCodec = {
  bytes: 8,
  decode: (raw) => {
    const wide = new BigInt64Array(raw.buffer, raw.byteOffset, raw.byteLength / 8);
    const numbers = Float64Array.from(wide, Number);
    const inexact = numbers.findIndex((value) => !Number.isSafeInteger(value));
    if (inexact >= 0) throw new RangeError(`the integer ${wide[inexact]} is larger than 2^53`);
    return numbers;
  },
  encode: (values) => bytesOf(BigInt64Array.from(values as ArrayLike<number> as number[], BigInt)),
};

const codecs: Readonly<Record<SafetensorsDtype, DtypeCodec>> = {
  F64: plain(Float64Array),
  F32: plain(Float32Array),
  F16: half(float16ToFloat32, float32ToFloat16),
  BF16: half(bfloat16ToFloat32, float32ToBfloat16),
  I64: int64,
  I32: plain(Int32Array),
  I16: plain(Int16Array),
  I8: plain(Int8Array),
  U8: plain(Uint8Array),
  BOOL: { ...plain(Uint8Array), encode: (values) => Uint8Array.from(values, (value) => (value ? 1 : 0)) },
};

export const dtypeNames = Object.keys(codecs) as readonly SafetensorsDtype[];

export function isDtype(name: unknown): name is SafetensorsDtype {
  return typeof name === "string" && Object.hasOwn(codecs, name);
}

export function codecOf(dtype: SafetensorsDtype): DtypeCodec {
  return codecs[dtype];
}

/** The dtype that holds an array as it is. */
export function dtypeOf(values: TypedArray): SafetensorsDtype {
  if (values instanceof Float32Array) return "F32";
  if (values instanceof Float64Array) return "F64";
  if (values instanceof Int32Array) return "I32";
  if (values instanceof Int16Array) return "I16";
  return values instanceof Int8Array ? "I8" : "U8";
}
