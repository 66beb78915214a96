// How a kernel is called: its inputs and attributes are written to one block of doubles that the addon shares, and the
// outputs are read back from it. The layout is that of native/call.h.
import type { tf } from "@dinov2/tensor";
import type { Addon, Handle } from "./addon.ts";
import { dtypeOfCode } from "./dtypes.ts";

/** A number, a flag, or a list of numbers; a kernel reads them in the order they are given. */
export type Attribute = number | boolean | ArrayLike<number>;

export interface Output {
  readonly handle: Handle;
  readonly dtype: tf.DataType;
  readonly shape: number[];
}

const startCapacity = 4096;

/** Numbers of which a copy by the engine is faster than a loop. */
const longList = 16;

/** A call is `start`, an `addInput` each, an `addAttribute` each, `run`, and a `nextOutput` for each output. */
export class CallFrame {
  private frame = new Float64Array(startCapacity);
  private position = 0;

  constructor(private readonly addon: Addon) {
    addon.setFrame(this.frame);
  }

  /** @param room how many doubles the outputs may take */
  start(inputs: number, room: number): void {
    if (room > this.frame.length) this.grow(room);
    this.position = 0;
    this.put(inputs);
  }

  /** The next input; an absent one has the handle -1. */
  addInput(handle: Handle, shape: readonly number[]): void {
    this.put(handle);
    this.putList(shape);
  }

  addAttribute(attribute: Attribute): void {
    if (typeof attribute === "object") this.putList(attribute);
    else this.put(Number(attribute));
  }

  /**
   * Runs kernel number `kernel`; gives the number of its outputs.
   * @throws Error with the kernel's name, the inputs' shapes and the cause
   */
  run(kernel: number): number {
    this.addon.run(kernel, this.position);
    this.position = 1;
    return this.frame[0]!;
  }

  nextOutput(): Output {
    const { frame } = this;
    const handle = frame[this.position++]!;
    const dtype = dtypeOfCode(frame[this.position++]!);
    const rank = frame[this.position++]!;
    const shape: number[] = [];
    for (let axis = 0; axis < rank; axis++) shape.push(frame[this.position++]!);
    return { handle, dtype, shape };
  }

  private putList(list: ArrayLike<number>): void {
    this.put(list.length);
    const end = this.position + list.length;
    if (end > this.frame.length) this.grow(end);
    if (list.length > longList) this.frame.set(list, this.position);
    else for (let i = 0; i < list.length; i++) this.frame[this.position + i] = list[i]!;
    this.position = end;
  }

  private put(value: number): void {
    if (this.position === this.frame.length) this.grow(this.position + 1);
    this.frame[this.position++] = value;
  }

  private grow(needed: number): void {
    const larger = new Float64Array(Math.max(needed, 2 * this.frame.length));
    larger.set(this.frame);
    this.frame = larger;
    this.addon.setFrame(larger);
  }
}
