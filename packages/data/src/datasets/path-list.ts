const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Millions of paths in two flat arrays (UTF-8 bytes and where each path ends) rather than one string object each,
 * with an optional label per path. Grows by doubling; read by number.
 */
export class PathList {
  private bytes = new Uint8Array(1 << 12);
  private ends = new Float64Array(1 << 8);
  private labels = new Int32Array(1 << 8);
  private count = 0;

  get length(): number {
    return this.count;
  }

  /** Appends a path; a label below 0 means none. */
  add(path: string, label = -1): void {
    const start = this.count === 0 ? 0 : this.ends[this.count - 1]!;
    // A UTF-16 code unit is at most three UTF-8 bytes.
    if (this.bytes.length < start + path.length * 3) this.bytes = grown(this.bytes, start + path.length * 3);
    if (this.count === this.ends.length) {
      this.ends = grown(this.ends, this.count + 1);
      this.labels = grown(this.labels, this.count + 1);
    }
    this.ends[this.count] = start + encoder.encodeInto(path, this.bytes.subarray(start)).written;
    this.labels[this.count] = label;
    this.count++;
  }

  path(index: number): string {
    this.check(index);
    return decoder.decode(this.bytes.subarray(index === 0 ? 0 : this.ends[index - 1]!, this.ends[index]!));
  }

  label(index: number): number | undefined {
    this.check(index);
    const label = this.labels[index]!;
    return label < 0 ? undefined : label;
  }

  /** Renames every label: label k becomes `newLabels[k]`. */
  relabel(newLabels: ArrayLike<number>): void {
    for (let i = 0; i < this.count; i++) {
      if (this.labels[i]! >= 0) this.labels[i] = newLabels[this.labels[i]!]!;
    }
  }

  private check(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= this.count) {
      throw new RangeError(`Image ${index} of a dataset of ${this.count} images.`);
    }
  }
}

/** A copy with room for at least `atLeast` elements, and for twice as many as before. */
export function grown<A extends Uint8Array | Float64Array | Int32Array>(array: A, atLeast: number): A {
  const larger = new (array.constructor as new (length: number) => A)(Math.max(array.length * 2, atLeast));
  larger.set(array);
  return larger;
}
