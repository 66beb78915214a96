// Arrays of numbers as numpy pickles them. Only one axis is read, as a list of numbers: more is not needed for lists of images.

import { InputError, PickleGlobal, PickleMachine, type PickleVocabulary } from "@dinov2/foundation";

/** An array whose numbers come later, as its attributes. */
class NumpyArray extends Array<number> {}

class NumpyDtype {
  littleEndian = true;
  /** @param code "i8", "f4": kind and bytes */
  constructor(readonly code: string) {}

  /** The numbers in `bytes`. */
  read(bytes: Uint8Array): number[] {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = Number(this.code.slice(1));
    const numberAt = this.reader(view);
    if (bytes.length % size !== 0) throw new RangeError("numbers that are cut off");
    return Array.from({ length: bytes.length / size }, (_, i) => numberAt(i * size));
  }

  private reader(view: DataView): (place: number) => number {
    const little = this.littleEndian;
    switch (this.code) {
      case "i8": return (place) => Number(view.getBigInt64(place, little));
      case "u8": return (place) => Number(view.getBigUint64(place, little));
      case "i4": return (place) => view.getInt32(place, little);
      case "u4": return (place) => view.getUint32(place, little);
      case "i2": return (place) => view.getInt16(place, little);
      case "f8": return (place) => view.getFloat64(place, little);
      case "f4": return (place) => view.getFloat32(place, little);
      default: throw new RangeError(`an array of ${this.code}`);
    }
  }
}

/** Python 2 wrote bytes as texts of one letter a byte. */
function bytesOf(data: unknown): Uint8Array {
  if (data instanceof Uint8Array) return data;
  if (typeof data === "string") return Buffer.from(data, "latin1");
  throw new RangeError("no bytes");
}

const functions: Readonly<Record<string, (operands: readonly unknown[]) => unknown>> = {
  "multiarray _reconstruct": () => new NumpyArray(),
  "multiarray scalar": ([dtype, data]) => (dtype as NumpyDtype).read(bytesOf(data))[0],
  "numpy dtype": ([code]) => new NumpyDtype(String(code)),
  // Bytes in a pickle of Python 3 that Python 2 can read.
  "_codecs encode": ([text]) => bytesOf(text),
  "__builtin__ bytes": () => new Uint8Array(),
  // Only named, as the type to make.
  "numpy ndarray": () => {
    throw new RangeError("a type that is not called");
  },
};

const vocabulary: PickleVocabulary = {
  advice: "save lists of numbers and texts, or the same as JSON",
  global(module, name) {
    const key = `${module.replace(/^numpy\._?core\.multiarray$/, "multiarray")} ${name}`;
    return Object.hasOwn(functions, key) ? new PickleGlobal(key, functions[key]!) : undefined;
  },
  build(object, state) {
    if (!Array.isArray(state)) return false;
    if (object instanceof NumpyDtype) object.littleEndian = state[1] !== ">";
    else if (object instanceof NumpyArray) {
      const [, shape, dtype, , data] = state as [unknown, unknown[], NumpyDtype, unknown, unknown];
      if (shape.length > 1) throw new RangeError("an array of several axes");
      for (const value of dtype.read(bytesOf(data))) object.push(value);
    } else return false;
    return true;
  },
};

/** The value of a pickle with no more in it than containers, numbers, texts and numpy's arrays of one axis; dicts as objects. */
export function readPlainPickle(bytes: Uint8Array, origin: string): unknown {
  const machine = new PickleMachine(bytes, origin, vocabulary);
  const value = machine.load();
  if (machine.position < bytes.length) throw new InputError(`${origin} goes on behind its pickle; expected one value.`);
  return asObjects(value);
}

function asObjects(value: unknown): unknown {
  if (Array.isArray(value)) return Array.from(value, asObjects);
  if (!(value instanceof Map)) return value;
  return Object.fromEntries(Array.from(value as Map<unknown, unknown>, ([key, inner]) => [String(key), asObjects(inner)]));
}
