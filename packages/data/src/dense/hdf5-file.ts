// Arrays in HDF5 files (MATLAB's from version 7.3 on), read one part at a time: such a file can be larger than memory.

import { basename } from "node:path";
import { InputError } from "@dinov2/foundation";

export interface Hdf5Array {
  readonly shape: readonly number[];
  /** What is at one place of the first axis, row-major. Throws `InputError` when the file is damaged there. */
  read(index: number): Uint8Array | Float32Array;
}

/** h5wasm's words for unsigned bytes and floats of 32 bits. */
const dtypes: Readonly<Record<string, string>> = { "<B": "bytes", "<f": "numbers of 32 bits" };

/**
 * The named arrays of a file, which stays open.
 * @throws InputError when h5wasm is not installed, the file is none of HDF5 or damaged, or has no such array
 */
export async function openHdf5<Name extends string>(path: string, names: readonly Name[]): Promise<Record<Name, Hdf5Array>> {
  const { File, Dataset } = await library(path);
  const file = orDamaged(path, () => new File(path, "r"));
  const open = (name: Name): Hdf5Array => {
    const dataset = orDamaged(path, () => file.get(name));
    if (!(dataset instanceof Dataset)) throw new InputError(`${path} has no array "${name}"; expected one, so take the original file.`);
    const [shape, dtype] = [dataset.shape ?? [], String(dataset.dtype)];
    if (!(dtype in dtypes)) throw new InputError(`"${name}" of ${path} is of type ${dtype}; expected ${Object.values(dtypes).join(" or ")}.`);
    const rest = shape.slice(1).map((): [] => []);
    return { shape, read: (index) => orDamaged(path, () => dataset.slice([[index, index + 1], ...rest]) as Uint8Array | Float32Array) };
  };
  return Object.fromEntries(names.map((name) => [name, open(name)])) as Record<Name, Hdf5Array>;
}

/** libhdf5, 4 MB that only such files need. */
async function library(path: string) {
  const loaded = await import("h5wasm/node").catch(() => {
    throw new InputError(`${basename(path)} is read by the package h5wasm, which does not load; install it: npm install h5wasm@0.10.3`);
  });
  // Else it prints what is wrong, and goes on.
  (await loaded.ready).activate_throwing_error_handler();
  return loaded;
}

function orDamaged<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    // A stack of libhdf5's functions; the innermost one says why.
    const reason = String((error as Error).message).split("(): ").at(-1)!.split("\n")[0]!;
    throw new InputError(`${path} cannot be read as an HDF5 file (MATLAB 7.3): ${reason}.`);
  }
}
