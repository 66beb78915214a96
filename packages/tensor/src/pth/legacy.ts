// What torch.save wrote before torch 1.6: a magic number, a version, the machine, the object and the storages' keys, each a
// pickle of its own; then the storages in the order of their keys, each behind its element count.

import type { FileHandle } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import { codecOf } from "../safetensors/dtypes.ts";
import { readExactly } from "../safetensors/read-exactly.ts";
import type { StorageLocator } from "./tensor-layout.ts";
import { Unpickler, type PthValue } from "./unpickle.ts";

/** The pickled magic number with which such a file starts. */
const magic = Buffer.from("80028a0a6cfc9c46f9206aa850192e", "hex");
/** The pickles hold names and shapes only, and come first. */
const largestHead = 1 << 25;

export async function openLegacy(handle: FileHandle, path: string): Promise<{ value: PthValue; locate: StorageLocator }> {
  const { size } = await handle.stat();
  const head = await readExactly(handle, path, 0, Math.min(size, largestHead));
  if (!head.subarray(0, magic.length).equals(magic)) throw new InputError(`${path} is not a file that torch.save wrote.`);
  let position = magic.length;
  const next = () => {
    const unpickler = new Unpickler(head, path, position);
    const value = unpickler.load();
    position = unpickler.position;
    return { value, storages: unpickler.storages };
  };
  next(); // The version of the format.
  const machine = next().value;
  if (machine instanceof Map && machine.get("little_endian") === false) {
    throw new InputError(`${path} was saved on a big-endian machine; save it again on a little-endian one.`);
  }
  const { value, storages } = next();
  const keys = next().value as string[];
  const places = new Map<string, { offset: number; byteLength: number }>();
  for (const key of keys) {
    const elements = Number((await readExactly(handle, path, position, 8)).readBigUInt64LE());
    const dtype = storages.get(key)?.dtype;
    if (dtype === undefined) throw new InputError(`${path} is damaged: nothing uses the storage ${key}.`);
    places.set(key, { offset: position + 8, byteLength: elements * codecOf(dtype).bytes });
    position += 8 + elements * codecOf(dtype).bytes;
  }
  return { value, locate: (key) => Promise.resolve(places.get(key)) };
}
