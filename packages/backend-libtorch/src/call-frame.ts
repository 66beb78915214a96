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

export class CallFrame {
  private frame = new Float64Array(startCapacity);
  private position = 0;

  constructor(private readonly addon: Addon) {
    addon.setFrame(this.frame);
  }

  /**
   * Runs kernel number `kernel`. An absent input has the handle -1.
   * @param room how many doubles the outputs may take
   * @throws Error with the kernel's name, the inputs' shapes and the cause
   */
  run(kernel: number, inputs: readonly { handle: Handle; shape: readonly number[] }[], attributes: readonly Attribute[], room: number): Output[] {
    if (room > this.frame.length) this.grow(room);
    this.position = 0;
    this.put(inputs.length);
    for (const { handle, shape } of inputs) {
      this.put(handle);
      this.putList(shape);
    }
    for (const attribute of attributes) {
      if (typeof attribute === "object") this.putList(attribute);
      else this.put(Number(attribute));
    }
    this.addon.run(kernel);
    return this.outputs();
  }

  private outputs(): Output[] {
    const { frame } = this;
    let position = 0;
    return Array.from({ length: frame[position++]! }, () => {
      const handle = frame[position++]!;
      const dtype = dtypeOfCode(frame[position++]!);
      const rank = frame[position++]!;
      const shape: number[] = [];
      for (let axis = 0; axis < rank; axis++) shape.push(frame[position++]!);
      return { handle, dtype, shape };
    });
  }

  private putList(list: ArrayLike<number>): void {
    this.put(list.length);
    for (let i = 0; i < list.length; i++) this.put(list[i]!);
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
