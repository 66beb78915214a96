import { writeFileAtomic } from "@dinov2/foundation";
import { codecOf, dtypeOf } from "./dtypes.ts";
import type { SafetensorsDtype, TypedArray } from "./dtypes.ts";

/** A tensor to write. The values may come from a function, called when their turn comes, so that not all are in memory. */
export interface SafetensorsTensor {
  /** The default is the dtype of the values, F32 when they come from a function. Others are converted. */
  readonly dtype?: SafetensorsDtype;
  readonly shape: readonly number[];
  readonly data: TypedArray | (() => TypedArray | Promise<TypedArray>);
}

interface Placed extends SafetensorsTensor {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly count: number;
}

/** Values converted at a time: bounds the memory that a conversion takes. */
const blockLength = 1 << 20;

function place(name: string, tensor: SafetensorsTensor): Placed {
  if (name === "__metadata__") throw new RangeError('A tensor cannot be named "__metadata__".');
  const dtype = tensor.dtype ?? (typeof tensor.data === "function" ? "F32" : dtypeOf(tensor.data));
  return { ...tensor, name, dtype, count: tensor.shape.reduce((product, size) => product * size, 1) };
}

/** The header, padded with spaces so that the data starts at a multiple of 8 bytes. Lists the tensors as given. */
function headerOf(inOrderOfData: readonly Placed[], given: readonly Placed[], metadata: Record<string, string>): Buffer {
  const offsets = new Map<string, [number, number]>();
  let end = 0;
  for (const { name, dtype, count } of inOrderOfData) {
    const begin = end;
    end += count * codecOf(dtype).bytes;
    offsets.set(name, [begin, end]);
  }
  const entries = given.map(({ name, dtype, shape }) =>
    `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets.get(name) })}`);
  if (Object.keys(metadata).length > 0) entries.unshift(`"__metadata__":${JSON.stringify(metadata)}`);
  const text = Buffer.from(`{${entries.join(",")}}`, "utf8");
  const header = Buffer.alloc(8 + Math.ceil(text.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - 8));
  text.copy(header, 8);
  return header;
}

async function* bytesOf({ name, data, dtype, shape, count }: Placed): AsyncGenerator<Uint8Array> {
  const values = typeof data === "function" ? await data() : data;
  if (values.length !== count) {
    throw new RangeError(`Tensor "${name}" has ${values.length} values, and its shape [${shape}] has ${count}.`);
  }
  for (let start = 0; start < count; start += blockLength) {
    yield codecOf(dtype).encode(values.subarray(start, start + blockLength));
  }
}

async function* fileContent(header: Uint8Array, tensors: readonly Placed[]): AsyncGenerator<Uint8Array> {
  yield header;
  for (const tensor of tensors) yield* bytesOf(tensor);
}

/** Tensors by name, in the order of the header. */
export type NamedTensors = Readonly<Record<string, SafetensorsTensor>> | ReadonlyMap<string, SafetensorsTensor>;

/**
 * The bytes of a safetensors file, piece by piece: valid until the next piece is asked for. The data lies with the widest
 * dtypes first, so that every tensor is aligned to its element.
 */
export function safetensorsContent(tensors: NamedTensors, metadata: Record<string, string> = {}): AsyncGenerator<Uint8Array> {
  const entries = tensors instanceof Map ? [...tensors] : Object.entries(tensors as Record<string, SafetensorsTensor>);
  const given = entries.map(([name, tensor]) => place(name, tensor));
  const inOrderOfData = given.toSorted((a, b) => codecOf(b.dtype).bytes - codecOf(a.dtype).bytes);
  return fileContent(headerOf(inOrderOfData, given, metadata), inOrderOfData);
}

/** Writes a safetensors file, atomically: a reader finds the old file or the whole new one. */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata: Record<string, string> = {},
): Promise<void> {
  await writeFileAtomic(path, safetensorsContent(tensors, metadata));
}
