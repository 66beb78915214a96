// Features of many images into one safetensors file, batch by batch: memory holds one batch, whatever the number of
// images. Every tensor has its place in the file from the start; when fewer rows come than planned (a corrupt image was
// left out), the tensors move together at the end, so that the file has no holes and no made-up rows.

import { randomUUID } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

export interface FeatureTensor {
  readonly name: string;
  /** Shape of one row: [D], or [N, D]. */
  readonly rowShape: readonly number[];
}

/** A small tensor written at the end, such as labels. */
export interface SideTensor {
  readonly dtype: "I32" | "U8";
  readonly shape: readonly number[];
  readonly data: Int32Array | Uint8Array;
}

interface Entry {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data_offsets: readonly [number, number];
}

const COPY_BYTES = 8 << 20;
/** Room in the header for the offsets of side tensors, which are known last. */
const SPARE_HEADER_BYTES = 2048;

const elements = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
const rowBytes = ({ rowShape }: FeatureTensor) => 4 * elements(rowShape);

export class FeatureFile {
  private rows = 0;

  private constructor(
    private readonly path: string,
    private readonly temporary: string,
    private readonly file: FileHandle,
    private readonly plannedRows: number,
    private readonly tensors: readonly FeatureTensor[],
    private readonly metadata: Readonly<Record<string, string>>,
    private readonly headerBytes: number,
  ) {}

  /** Begins a file for at most `plannedRows` rows of float32 tensors, under a temporary name beside `path`. */
  static async create(
    path: string,
    plannedRows: number,
    tensors: readonly FeatureTensor[],
    metadata: Readonly<Record<string, string>>,
  ): Promise<FeatureFile> {
    const folder = dirname(resolve(path));
    await mkdir(folder, { recursive: true });
    const temporary = join(folder, `.${basename(path)}.${randomUUID()}.partial`);
    const largest = Buffer.byteLength(JSON.stringify(headerOf(tensors, plannedRows, metadata)));
    const headerBytes = Math.ceil((largest + SPARE_HEADER_BYTES) / 8) * 8;
    return new FeatureFile(path, temporary, await open(temporary, "wx+"), plannedRows, tensors, metadata, headerBytes);
  }

  /** Adds `count` rows: for each tensor its values, row-major. */
  async append(count: number, values: Readonly<Record<string, Float32Array>>): Promise<void> {
    if (this.rows + count > this.plannedRows) throw new RangeError(`More than the ${this.plannedRows} planned rows.`);
    let start = this.bodyStart();
    for (const tensor of this.tensors) {
      const data = values[tensor.name]!;
      if (data.byteLength !== count * rowBytes(tensor)) {
        throw new RangeError(`${tensor.name}: ${data.length} values are not ${count} rows of [${tensor.rowShape.join(", ")}].`);
      }
      await this.write(data, start + this.rows * rowBytes(tensor));
      start += this.plannedRows * rowBytes(tensor);
    }
    this.rows += count;
  }

  /** Adds the side tensors, completes the header and gives the file its name. */
  async finish(sideTensors: Readonly<Record<string, SideTensor>> = {}): Promise<void> {
    await this.closeGaps();
    const header = headerOf(this.tensors, this.rows, this.metadata);
    let end = this.tensors.reduce((sum, tensor) => sum + this.rows * rowBytes(tensor), 0);
    for (const [name, { dtype, shape, data }] of Object.entries(sideTensors)) {
      await this.write(data, this.bodyStart() + end);
      header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
      end += data.byteLength;
    }
    await this.writeHeader(header);
    await this.file.truncate(this.bodyStart() + end);
    await this.file.sync();
    await this.file.close();
    await rename(this.temporary, this.path);
  }

  /** Gives up: nothing stays behind. Without effect after `finish`. */
  async discard(): Promise<void> {
    await this.file.close().catch(() => {});
    await rm(this.temporary, { force: true });
  }

  private bodyStart(): number {
    return 8 + this.headerBytes;
  }

  /** Moves each tensor down to the end of the one before it, first to last and front to back: never over unread bytes. */
  private async closeGaps(): Promise<void> {
    if (this.rows === this.plannedRows) return;
    const buffer = Buffer.allocUnsafe(COPY_BYTES);
    let [from, to] = [this.bodyStart(), this.bodyStart()];
    for (const tensor of this.tensors) {
      const length = this.rows * rowBytes(tensor);
      for (let done = from === to ? length : 0; done < length; done += COPY_BYTES) {
        const size = Math.min(COPY_BYTES, length - done);
        await this.file.read(buffer, 0, size, from + done);
        await this.write(buffer.subarray(0, size), to + done);
      }
      from += this.plannedRows * rowBytes(tensor);
      to += length;
    }
  }

  private async writeHeader(header: Record<string, unknown>): Promise<void> {
    const bytes = Buffer.alloc(this.bodyStart(), " ");
    bytes.writeBigUInt64LE(BigInt(this.headerBytes), 0);
    const json = Buffer.from(JSON.stringify(header));
    if (json.length > this.headerBytes) throw new RangeError(`A header of ${json.length} bytes; ${this.headerBytes} were set aside.`);
    json.copy(bytes, 8);
    await this.write(bytes, 0);
  }

  private async write(data: Uint8Array | Float32Array | Int32Array, position: number): Promise<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let done = 0; done < bytes.length; ) {
      done += (await this.file.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
    }
  }
}

function headerOf(
  tensors: readonly FeatureTensor[],
  rows: number,
  metadata: Readonly<Record<string, string>>,
): Record<string, Entry | Readonly<Record<string, string>>> {
  const header: Record<string, Entry | Readonly<Record<string, string>>> = { __metadata__: metadata };
  let start = 0;
  for (const tensor of tensors) {
    const end = start + rows * rowBytes(tensor);
    header[tensor.name] = { dtype: "F32", shape: [rows, ...tensor.rowShape], data_offsets: [start, end] };
    start = end;
  }
  return header;
}
