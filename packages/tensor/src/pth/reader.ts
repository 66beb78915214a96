// Reading what `torch.save` wrote: official DINOv2 weights come as `.pth`. Tensors and plain containers are read, no
// Python is run (see unpickle.ts), and a tensor's bytes are read when it is asked for.

import { open, type FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import { codecOf, type TypedArray } from "../safetensors/dtypes.ts";
import { readExactly } from "../safetensors/read-exactly.ts";
import { dataOffset, readArchive, type ArchiveEntry } from "./archive.ts";
import { openLegacy } from "./legacy.ts";
import { rowMajor, type PthTensor, type StorageLocator } from "./tensor-layout.ts";
import { Unpickler, type PthValue } from "./unpickle.ts";

/** A pickle holds names and shapes only; a state dict of a thousand tensors takes 100 kB. */
const largestPickle = 1 << 25;

/** An open `.pth` file. */
export class PthFile {
  private constructor(
    readonly path: string,
    private readonly handle: FileHandle,
    /** What was saved: a state dict is a map from names to tensors. */
    readonly value: PthValue,
    private readonly locate: StorageLocator,
  ) {}

  /** Throws an InputError when there is no such file, it is damaged, or it holds more than tensors in plain containers. */
  static async open(path: string): Promise<PthFile> {
    const handle = await open(path, "r").catch((error: Error) => {
      throw new InputError(`Cannot open ${path}: ${error.message}.`);
    });
    try {
      const { value, locate } = (await isZip(handle)) ? await openZip(handle, path) : await openLegacy(handle, path);
      return new PthFile(path, handle, value, locate);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** A tensor's values, row-major; typed arrays as `SafetensorsFile.read` gives them. */
  async read(tensor: PthTensor): Promise<TypedArray> {
    const codec = codecOf(tensor.dtype);
    const place = await this.locate(tensor.storage.key);
    if (!place || (tensor.offset + tensor.reach) * codec.bytes > place.byteLength) {
      throw new InputError(`${this.path} is damaged: the storage ${tensor.storage.key} is missing or too short.`);
    }
    const start = place.offset + tensor.offset * codec.bytes;
    const window = codec.decode(await readExactly(this.handle, this.path, start, tensor.reach * codec.bytes));
    return rowMajor(tensor, window);
  }

  async close(): Promise<void> {
    await this.handle.close();
  }
}

/** Opens what `torch.save` wrote; close it after use. */
export const openPth = (path: string): Promise<PthFile> => PthFile.open(path);

async function isZip(handle: FileHandle): Promise<boolean> {
  const start = Buffer.alloc(4);
  await handle.read(start, 0, 4, 0);
  return start.toString("latin1") === "PK\x03\x04";
}

/** The format since torch 1.6: `NAME/data.pkl`, and a file `NAME/data/KEY` for each storage. */
async function openZip(handle: FileHandle, path: string): Promise<{ value: PthValue; locate: StorageLocator }> {
  const entries = await readArchive(handle, path);
  const pickleName = [...entries.keys()].find((name) => name.endsWith("data.pkl"));
  if (pickleName === undefined) throw new InputError(`${path} is a zip file, but not one that torch.save wrote.`);
  const root = pickleName.slice(0, -"data.pkl".length);
  const readEntry = async (entry: ArchiveEntry) => readExactly(handle, path, await dataOffset(handle, path, entry), entry.byteLength);
  const pickle = entries.get(pickleName)!;
  if (pickle.byteLength > largestPickle) throw new InputError(`${path} holds a pickle of ${pickle.byteLength} bytes; expected weights.`);
  const byteOrder = entries.get(`${root}byteorder`);
  if (byteOrder && (await readEntry(byteOrder)).toString() !== "little") {
    throw new InputError(`${path} was saved on a big-endian machine; save it again on a little-endian one.`);
  }
  const locate: StorageLocator = async (key) => {
    const entry = entries.get(`${root}data/${key}`);
    return entry && { offset: await dataOffset(handle, path, entry), byteLength: entry.byteLength };
  };
  return { value: new Unpickler(await readEntry(pickle), path).load(), locate };
}
