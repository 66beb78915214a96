// The part of Python's pickle format that `torch.save` uses for tensors in plain containers. A pickle is a program that
// may call anything importable; this reader runs none: a global that is not in the table below is an error, and
// those in it only make a container or describe a tensor.

import { InputError } from "@dinov2/foundation";
import type { SafetensorsDtype } from "../safetensors/dtypes.ts";
import { describeTensor, type PthStorage, type PthTensor } from "./tensor-layout.ts";

/** What a file can hold: Python's dicts become maps, lists and tuples arrays. */
export type PthValue = null | boolean | number | string | PthTensor | PthValue[] | Map<PthValue, PthValue>;

/** Python classes and functions that are understood, by `module name`. */
type Known = { readonly kind: "dict" | "tensor" | "parameter" | "size" } | { readonly kind: "storage"; readonly dtype: SafetensorsDtype };

const storage = (dtype: SafetensorsDtype): Known => ({ kind: "storage", dtype });

const knownGlobals: ReadonlyMap<string, Known> = new Map<string, Known>([
  ["collections OrderedDict", { kind: "dict" }],
  ["torch Size", { kind: "size" }],
  ["torch._utils _rebuild_tensor_v2", { kind: "tensor" }],
  ["torch._utils _rebuild_parameter", { kind: "parameter" }],
  ["torch FloatStorage", storage("F32")],
  ["torch HalfStorage", storage("F16")],
  ["torch BFloat16Storage", storage("BF16")],
  ["torch DoubleStorage", storage("F64")],
  ["torch LongStorage", storage("I64")],
  ["torch IntStorage", storage("I32")],
  ["torch ShortStorage", storage("I16")],
  ["torch CharStorage", storage("I8")],
  ["torch ByteStorage", storage("U8")],
  ["torch BoolStorage", storage("BOOL")],
]);

/** Where the items of a container that is being put together start on the stack. */
const mark = Symbol("mark");
class Global {
  constructor(readonly known: Known) {}
}
class StorageReference {
  constructor(readonly storage: PthStorage) {}
}

type Item = PthValue | typeof mark | Global | StorageReference;

/** Reads one pickle. `origin` is the file, for messages. */
export class Unpickler {
  /** The storages that the pickle's tensors look at, by key. */
  readonly storages = new Map<string, PthStorage>();
  private readonly stack: Item[] = [];
  private readonly memo = new Map<number, Item>();
  private readonly view: DataView;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly origin: string,
    /** Where the next opcode is; after `load`, the byte behind the pickle. */
    public position = 0,
  ) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Runs to the end of the pickle and gives its one value. */
  load(): PthValue {
    try {
      for (;;) {
        const opcode = String.fromCharCode(this.byte());
        if (opcode === ".") return this.popValue(); // STOP
        this.run(opcode);
      }
    } catch (error) {
      if (error instanceof InputError) throw error;
      throw new InputError(`${this.origin} is damaged: its pickle breaks off at byte ${this.position}.`);
    }
  }

  private run(opcode: string): void {
    if (!Object.hasOwn(this.instructions, opcode)) {
      throw new InputError(
        `${this.origin} uses the pickle instruction 0x${opcode.charCodeAt(0).toString(16)}, which tensors in plain ` +
          "containers do not need; save a plain state dict.",
      );
    }
    const produced = this.instructions[opcode]!();
    if (produced !== undefined) this.stack.push(produced);
  }

  /** What each opcode puts on the stack, if anything. The names are those of Python's pickletools. */
  private readonly instructions: Readonly<Record<string, () => Item | void>> = {
    "\x80": () => void this.byte(), // PROTO
    "\x95": () => void this.skip(8), // FRAME
    N: () => null,
    "\x88": () => true,
    "\x89": () => false,
    K: () => this.byte(), // BININT1
    M: () => this.view.getUint16(this.skip(2), true), // BININT2
    J: () => this.view.getInt32(this.skip(4), true), // BININT
    "\x8a": () => this.long(this.byte()), // LONG1
    G: () => this.view.getFloat64(this.skip(8), false), // BINFLOAT
    X: () => this.text(this.uint32()), // BINUNICODE
    "\x8c": () => this.text(this.byte()), // SHORT_BINUNICODE
    "}": () => new Map(),
    "]": () => [],
    ")": () => [],
    "(": () => mark,
    c: () => this.global(this.line(), this.line()), // GLOBAL
    "\x93": () => this.stackGlobal(),
    q: () => this.remember(this.byte()), // BINPUT
    r: () => this.remember(this.uint32()), // LONG_BINPUT
    "\x94": () => this.remember(this.memo.size), // MEMOIZE
    h: () => this.recall(this.byte()), // BINGET
    j: () => this.recall(this.uint32()), // LONG_BINGET
    t: () => this.popToMark(), // TUPLE
    "\x85": () => this.popCount(1), // TUPLE1
    "\x86": () => this.popCount(2),
    "\x87": () => this.popCount(3),
    a: () => this.appendAll([this.pop()]),
    e: () => this.appendAll(this.popToMark()),
    s: () => this.setAll(this.popCount(2)),
    u: () => this.setAll(this.popToMark()),
    Q: () => this.persistent(this.pop()), // BINPERSID
    R: () => this.reduce(),
    b: () => this.build(),
  };

  private stackGlobal(): Global {
    const [module, name] = this.popCount(2);
    return this.global(String(module), String(name));
  }

  private reduce(): Item {
    const [callable, operands] = this.popCount(2) as Item[];
    return this.call(callable!, operands!);
  }

  /** Sets attributes; a state dict has some, which are version notes. */
  private build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) throw new InputError(`${this.origin} holds a Python object with attributes.`);
  }

  private call(callable: Item, operands: Item): Item {
    if (!(callable instanceof Global) || !Array.isArray(operands)) throw new RangeError("not a call");
    const { known } = callable;
    switch (known.kind) {
      case "dict":
        return new Map((operands[0] ?? []) as unknown as [PthValue, PthValue][]);
      case "size":
      case "parameter":
        return operands[0] as PthValue;
      case "tensor": {
        const [reference, offset, shape, strides] = operands as unknown as Item[];
        if (!(reference instanceof StorageReference)) throw new RangeError("a tensor without storage");
        return describeTensor(reference.storage, offset, shape, strides, this.origin);
      }
      case "storage":
        throw new RangeError("a storage is not called");
      default:
        return known satisfies never;
    }
  }

  /** `("storage", class, key, device, element count)`: how a tensor names its bytes. */
  private persistent(id: Item): StorageReference {
    const [tag, storageClass, key, , elements] = id as unknown as Item[];
    if (tag !== "storage" || !(storageClass instanceof Global) || storageClass.known.kind !== "storage") {
      throw new RangeError("not a storage");
    }
    if (typeof key !== "string" || !Number.isSafeInteger(elements)) throw new RangeError("not a storage");
    const described = { dtype: storageClass.known.dtype, key, elements: elements as number };
    this.storages.set(key, described);
    return new StorageReference(described);
  }

  private global(module: string, name: string): Global {
    const known = knownGlobals.get(`${module} ${name}`);
    if (known) return new Global(known);
    throw new InputError(
      `${this.origin} holds a Python object of ${module}.${name}, which is not read (a pickle can run code); ` +
        "save a plain state dict of tensors.",
    );
  }

  private appendAll(values: readonly Item[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new RangeError("not a list");
    for (const value of values) list.push(value as PthValue);
  }

  private setAll(pairs: readonly Item[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw new RangeError("not a dict");
    for (let i = 0; i + 1 < pairs.length; i += 2) dict.set(pairs[i] as PthValue, pairs[i + 1] as PthValue);
  }

  private pop(): Item {
    if (this.stack.length === 0) throw new RangeError("empty stack");
    return this.stack.pop()!;
  }

  private popValue(): PthValue {
    const value = this.pop();
    if (value === mark || value instanceof Global || value instanceof StorageReference) throw new RangeError("no value");
    return value;
  }

  private popToMark(): PthValue[] {
    const start = this.stack.lastIndexOf(mark);
    if (start < 0) throw new RangeError("no mark");
    const items = this.stack.splice(start);
    return items.slice(1) as PthValue[];
  }

  private popCount(count: number): PthValue[] {
    if (this.stack.length < count) throw new RangeError("empty stack");
    return this.stack.splice(-count) as PthValue[];
  }

  private top(): Item {
    if (this.stack.length === 0) throw new RangeError("empty stack");
    return this.stack.at(-1)!;
  }

  private remember(index: number): void {
    this.memo.set(index, this.top());
  }

  private recall(index: number): Item {
    if (!this.memo.has(index)) throw new RangeError("not in the memo");
    return this.memo.get(index)!;
  }

  private byte(): number {
    return this.view.getUint8(this.skip(1));
  }

  private uint32(): number {
    return this.view.getUint32(this.skip(4), true);
  }

  /** A little-endian two's complement number of `length` bytes. */
  private long(length: number): number {
    if (length === 0) return 0;
    const digits = [...this.bytes.subarray(this.skip(length), this.position)].reverse();
    const unsigned = digits.reduce((sum, digit) => sum * 256n + BigInt(digit), 0n);
    const value = Number(BigInt.asIntN(8 * length, unsigned));
    if (!Number.isSafeInteger(value)) throw new InputError(`${this.origin} holds a whole number beyond 2^53.`);
    return value;
  }

  private text(length: number): string {
    const start = this.skip(length);
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset + start, length).toString("utf8");
  }

  private line(): string {
    const end = this.bytes.indexOf(0x0a, this.position);
    if (end < 0) throw new RangeError("no end of line");
    const text = this.text(end - this.position);
    this.skip(1);
    return text;
  }

  /** Moves on by `count` bytes, and gives where they start. */
  private skip(count: number): number {
    const start = this.position;
    if (start + count > this.bytes.length) throw new RangeError("end of data");
    this.position += count;
    return start;
  }
}
