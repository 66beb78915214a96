import type { FilePart } from "./file-part.ts";
import { grown, PathList } from "./path-list.ts";

/** Millions of named parts of files, with an optional label each, in flat arrays. */
export class PartList {
  readonly names = new PathList();
  private readonly files: string[] = [];
  private fileOf = new Int32Array(1 << 8);
  private offsets = new Float64Array(1 << 8);
  private sizes = new Float64Array(1 << 8);

  get length(): number {
    return this.names.length;
  }

  /** Appends a part; parts of one file come one after another. A label below 0 means none. */
  add(name: string, { file, offset, size }: FilePart, label = -1): void {
    const index = this.length;
    if (index === this.offsets.length) {
      this.fileOf = grown(this.fileOf, index + 1);
      this.offsets = grown(this.offsets, index + 1);
      this.sizes = grown(this.sizes, index + 1);
    }
    if (this.files.at(-1) !== file) this.files.push(file);
    this.fileOf[index] = this.files.length - 1;
    this.offsets[index] = offset;
    this.sizes[index] = size;
    this.names.add(name, label);
  }

  part(index: number): FilePart {
    return { file: this.files[this.fileOf[index]!]!, offset: this.offsets[index]!, size: this.sizes[index]! };
  }
}
