import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { InputError, nearestName } from "@dinov2/foundation";
import { codecOf } from "./dtypes.ts";
import type { SafetensorsDtype, TypedArray } from "./dtypes.ts";
import { readHeader } from "./header.ts";
import type { SafetensorsHeader, TensorEntry } from "./header.ts";
import { readExactly } from "./read-exactly.ts";

export interface SafetensorsInfo {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** An open safetensors file: the header is in memory, each tensor is read when it is asked for. */
export class SafetensorsFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    private readonly header: SafetensorsHeader,
  ) {}

  /** Throws an InputError when there is no such file or it is damaged. */
  static async open(path: string): Promise<SafetensorsFile> {
    const handle = await openFile(path);
    try {
      return new SafetensorsFile(path, handle, await readHeader(handle, path));
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** The file's free-form notes. */
  get metadata(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.header.metadata);
  }

  /** The tensors' names, in the header's order. */
  names(): string[] {
    return [...this.header.tensors.keys()];
  }

  has(name: string): boolean {
    return this.header.tensors.has(name);
  }

  info(name: string): SafetensorsInfo {
    const { dtype, shape } = this.entry(name);
    return { dtype, shape };
  }

  /**
   * The values of one tensor, row-major: F64 and I64 as Float64Array (an I64 beyond 2^53 is an error), F32,
   * F16 and BF16 as Float32Array, I32, I16, I8 and U8 as themselves, BOOL as Uint8Array of 0 and 1.
   */
  async read(name: string): Promise<TypedArray> {
    const { dtype, offset, byteLength } = this.entry(name);
    return this.decode(name, dtype, offset, byteLength);
  }

  /** Rows [start, end) of a tensor along its first axis, as `read` gives them: a part of one larger than memory. */
  async readRows(name: string, start: number, end: number): Promise<TypedArray> {
    const { dtype, shape, offset, byteLength } = this.entry(name);
    const rows = shape[0] ?? 0;
    if (!(start >= 0 && start <= end && end <= rows)) {
      throw new RangeError(`Rows ${start} to ${end} of tensor "${name}", which has ${rows}.`);
    }
    const rowBytes = rows === 0 ? 0 : byteLength / rows;
    return this.decode(name, dtype, offset + start * rowBytes, (end - start) * rowBytes);
  }

  private async decode(name: string, dtype: SafetensorsDtype, offset: number, byteLength: number): Promise<TypedArray> {
    const raw = await readExactly(this.handle, this.path, offset, byteLength);
    try {
      return codecOf(dtype).decode(raw);
    } catch (error) {
      throw new InputError(`Tensor "${name}" of ${this.path}: ${(error as Error).message}.`);
    }
  }

  async close(): Promise<void> {
    await this.handle.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private entry(name: string): TensorEntry {
    const entry = this.header.tensors.get(name);
    if (entry) return entry;
    const nearest = nearestName(name, this.names());
    throw new InputError(`${this.path} has no tensor "${name}"${nearest ? `; did you mean "${nearest}"?` : "."}`);
  }
}

async function openFile(path: string): Promise<FileHandle> {
  try {
    const handle = await open(path, "r");
    if ((await handle.stat()).isFile()) return handle;
    await handle.close();
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new InputError(missing ? `There is no file ${path}.` : `Cannot open ${path}: ${(error as Error).message}.`);
  }
  throw new InputError(`${path} is not a file; a .safetensors file was expected.`);
}

/** Opens a safetensors file for ranged reads; close it after use. */
export function openSafetensors(path: string): Promise<SafetensorsFile> {
  return SafetensorsFile.open(path);
}

/** The tensors' dtypes and shapes and the metadata, without reading any values. */
export async function readSafetensorsHeader(
  path: string,
): Promise<{ metadata: Readonly<Record<string, string>>; tensors: Map<string, SafetensorsInfo> }> {
  const file = await openSafetensors(path);
  try {
    return { metadata: file.metadata, tensors: new Map(file.names().map((name) => [name, file.info(name)])) };
  } finally {
    await file.close();
  }
}
