// Python's pickle format, as far as it holds data. A pickle is a program that may call anything importable; this reader runs none:
// what a global stands for is looked up in a vocabulary of the caller's, and one that is not there is an error. The stack machine
// is here; the bytes behind its instructions are read in `pickle-bytes.ts`.

import { InputError } from "../errors.ts";
import { PickleBytes } from "./pickle-bytes.ts";

/** A Python class or function, and what calling it makes here. */
export class PickleGlobal {
  constructor(
    readonly name: string,
    readonly call: (operands: readonly unknown[]) => unknown,
  ) {}
}

/** What a kind of file may hold beside Python's own containers, numbers and texts: dicts become maps, lists and tuples arrays. */
export interface PickleVocabulary {
  /** What `module name` stands for; undefined when it is not to be read. */
  global(module: string, name: string): PickleGlobal | undefined;
  /** What an id stands for that names data outside the pickle. */
  persistent?(id: readonly unknown[]): unknown;
  /** Gives an object its attributes; false for one that has none. */
  build?(object: unknown, state: unknown): boolean;
  /** How to make a file that can be read: "save a plain state dict of tensors". */
  readonly advice: string;
}

/** Where the items of a container that is being put together start on the stack. */
const mark = Symbol("mark");

/** Reads one pickle. `origin` is the file, for messages. */
export class PickleMachine {
  private readonly bytes: PickleBytes;
  private readonly stack: unknown[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    bytes: Uint8Array,
    private readonly origin: string,
    private readonly vocabulary: PickleVocabulary,
    start = 0,
  ) {
    this.bytes = new PickleBytes(bytes, origin, start);
  }

  /** Where the next instruction is; after `load`, the byte behind the pickle. */
  get position(): number {
    return this.bytes.position;
  }

  /** Runs to the end of the pickle and gives its one value. */
  load(): unknown {
    try {
      for (;;) {
        const opcode = String.fromCharCode(this.bytes.byte());
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
        `${this.origin} uses the pickle instruction 0x${opcode.charCodeAt(0).toString(16)}, which plain data does not need; ${this.vocabulary.advice}.`,
      );
    }
    const produced = this.instructions[opcode]!();
    if (produced !== undefined) this.stack.push(produced);
  }

  /** What each opcode puts on the stack, if anything. The names are those of Python's pickletools. */
  private readonly instructions: Readonly<Record<string, () => unknown>> = {
    "\x80": () => void this.bytes.byte(), // PROTO
    "\x95": () => void this.bytes.skip(8), // FRAME
    N: () => null,
    "\x88": () => true,
    "\x89": () => false,
    K: () => this.bytes.byte(), // BININT1
    M: () => this.bytes.uint16(), // BININT2
    J: () => this.bytes.int32(), // BININT
    "\x8a": () => this.bytes.long(this.bytes.byte()), // LONG1
    G: () => this.bytes.float64(), // BINFLOAT
    X: () => this.bytes.text(this.bytes.uint32()), // BINUNICODE
    "\x8c": () => this.bytes.text(this.bytes.byte()), // SHORT_BINUNICODE
    U: () => this.bytes.latin1(this.bytes.byte()), // SHORT_BINSTRING: Python 2's str, text or bytes
    T: () => this.bytes.latin1(this.bytes.uint32()), // BINSTRING
    C: () => this.bytes.raw(this.bytes.byte()), // SHORT_BINBYTES
    B: () => this.bytes.raw(this.bytes.uint32()), // BINBYTES
    I: () => this.bytes.integerLine(), // INT, and the other instructions of protocol 0, which end with a line
    L: () => this.bytes.integerLine(), // LONG
    F: () => Number(this.bytes.line()), // FLOAT
    S: () => this.bytes.quotedLine(), // STRING
    V: () => this.bytes.unicodeLine(), // UNICODE
    p: () => this.remember(Number(this.bytes.line())), // PUT
    g: () => this.recall(Number(this.bytes.line())), // GET
    d: () => pairsOf(this.popToMark(), new Map<unknown, unknown>()), // DICT
    l: () => this.popToMark(), // LIST
    "}": () => new Map(),
    "]": () => [],
    ")": () => [],
    "(": () => mark,
    c: () => this.global(this.bytes.line(), this.bytes.line()), // GLOBAL
    "\x93": () => this.stackGlobal(),
    q: () => this.remember(this.bytes.byte()), // BINPUT
    r: () => this.remember(this.bytes.uint32()), // LONG_BINPUT
    "\x94": () => this.remember(this.memo.size), // MEMOIZE
    h: () => this.recall(this.bytes.byte()), // BINGET
    j: () => this.recall(this.bytes.uint32()), // LONG_BINGET
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

  private stackGlobal(): PickleGlobal {
    const [module, name] = this.popCount(2);
    return this.global(String(module), String(name));
  }

  private reduce(): unknown {
    const [callable, operands] = this.popCount(2);
    if (!(callable instanceof PickleGlobal) || !Array.isArray(operands)) throw new RangeError("not a call");
    return callable.call(operands);
  }

  /** Sets attributes of the object below them. */
  private build(): void {
    const state = this.pop();
    if (this.vocabulary.build?.(this.top(), state) !== true) throw new InputError(`${this.origin} holds a Python object with attributes.`);
  }

  private persistent(id: unknown): unknown {
    if (!this.vocabulary.persistent || !Array.isArray(id)) throw new RangeError("data outside the pickle");
    return this.vocabulary.persistent(id);
  }

  private global(module: string, name: string): PickleGlobal {
    const known = this.vocabulary.global(module, name);
    if (known) return known;
    throw new InputError(
      `${this.origin} holds a Python object of ${module}.${name}, which is not read (a pickle can run code); ${this.vocabulary.advice}.`,
    );
  }

  private appendAll(values: readonly unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) throw new RangeError("not a list");
    for (const value of values) list.push(value);
  }

  private setAll(pairs: readonly unknown[]): void {
    const dict = this.top();
    if (!(dict instanceof Map)) throw new RangeError("not a dict");
    pairsOf(pairs, dict as Map<unknown, unknown>);
  }

  private pop(): unknown {
    if (this.stack.length === 0) throw new RangeError("empty stack");
    return this.stack.pop();
  }

  private popValue(): unknown {
    const value = this.pop();
    if (value === mark || value instanceof PickleGlobal) throw new RangeError("no value");
    return value;
  }

  private popToMark(): unknown[] {
    const start = this.stack.lastIndexOf(mark);
    if (start < 0) throw new RangeError("no mark");
    return this.stack.splice(start).slice(1);
  }

  private popCount(count: number): unknown[] {
    if (this.stack.length < count) throw new RangeError("empty stack");
    return this.stack.splice(-count);
  }

  private top(): unknown {
    if (this.stack.length === 0) throw new RangeError("empty stack");
    return this.stack.at(-1);
  }

  private remember(index: number): void {
    this.memo.set(index, this.top());
  }

  private recall(index: number): unknown {
    if (!this.memo.has(index)) throw new RangeError("not in the memo");
    return this.memo.get(index);
  }
}

function pairsOf(pairs: readonly unknown[], dict: Map<unknown, unknown>): Map<unknown, unknown> {
  for (let i = 0; i + 1 < pairs.length; i += 2) dict.set(pairs[i], pairs[i + 1]);
  return dict;
}
