// Random shapes, numbers and choices for the differential test, the same on every run.
import type { RandomStream } from "@dinov2/tensor";

type Dtype = "float32" | "int32" | "bool";

/** A tensor to be: its numbers, and by which way it comes to them. */
export interface Operand {
  readonly shape: number[];
  readonly dtype: Dtype;
  readonly values: number[];
  readonly layout: "plain" | "transposed" | "sliced";
}

export interface FloatOptions {
  readonly low?: number;
  readonly high?: number;
  /** With NaN, infinities and zeros among the numbers. */
  readonly special?: boolean;
}

export interface ShapeOptions {
  readonly least?: number;
  readonly most?: number;
  /** Whether an axis may have no elements. */
  readonly empty?: boolean;
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);

const specials = [NaN, Infinity, -Infinity, 0, -0, 0.5, 1.5, 2.5, -0.5, -1.5];

export class Draw {
  constructor(private readonly random: RandomStream) {}

  /** From `low` to `high`, both included. */
  integer(low: number, high: number): number {
    return low + this.random.integer(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.random.bernoulli(probability);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.random.integer(list.length)]!;
  }

  list<T>(count: number, item: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => item(index));
  }

  permutation(count: number): number[] {
    return [...this.random.permutation(count)];
  }

  shape({ least = 0, most = 5, empty = true }: ShapeOptions = {}): number[] {
    const rank = this.integer(least, most);
    return this.list(rank, () => (empty && this.chance(0.03) ? 0 : this.pick([1, 2, 3, 4, rank < 3 ? 17 : 5])));
  }

  /** Two shapes that broadcast against each other. */
  shapes(options?: ShapeOptions): [number[], number[]] {
    const whole = this.shape(options);
    const narrow = () => whole.slice(this.chance(0.3) ? this.integer(0, whole.length) : 0).map((size) => (this.chance(0.3) ? 1 : size));
    return this.chance(0.3) ? [whole, [...whole]] : [narrow(), narrow()];
  }

  /** Some axes of `rank`, some of them counted from the end. */
  axes(rank: number, least = 0): number[] {
    const count = this.integer(Math.min(least, rank), rank);
    return this.permutation(rank).slice(0, count).map((axis) => (this.chance(0.3) ? axis - rank : axis));
  }

  axis(rank: number): number {
    return this.integer(-rank, rank - 1);
  }

  floats(shape: number[], { low = -3, high = 3, special = false }: FloatOptions = {}): Operand {
    const one = () => (special && this.chance(0.15) ? this.pick(specials) : Math.fround(this.random.uniform(low, high)));
    return this.operand(shape, "float32", one);
  }

  integers(shape: number[], low = -6, high = 6): Operand {
    return this.operand(shape, "int32", () => this.integer(low, high));
  }

  booleans(shape: number[]): Operand {
    return this.operand(shape, "bool", () => this.integer(0, 1));
  }

  /** Of any dtype. */
  any(shape: number[], dtype = this.pick<Dtype>(["float32", "int32", "bool"])): Operand {
    if (dtype === "bool") return this.booleans(shape);
    return dtype === "int32" ? this.integers(shape) : this.floats(shape);
  }

  private operand(shape: number[], dtype: Dtype, one: () => number): Operand {
    const layout = this.pick(["plain", "plain", "transposed", "sliced"] as const);
    return { shape, dtype, values: this.list(sizeOf(shape), one), layout };
  }
}
