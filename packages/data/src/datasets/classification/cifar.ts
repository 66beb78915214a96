// CIFAR-10 and CIFAR-100, "binary version": records of the class and 32 × 32 pixels, all of red, then green, then blue.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import type { PlanarPixels } from "../planar-pixels.ts";
import { type ClassificationDataset, readList, type Side } from "./classification-dataset.ts";

const side = 32;
const pixelBytes = 3 * side * side;

interface CifarLayout {
  readonly files: readonly (readonly [file: string, split: Side])[];
  /** A class name a line. */
  readonly names: string;
  /** Bytes before the pixels; the last is the class. */
  readonly labelBytes: number;
}

export const cifar10: CifarLayout = {
  files: [...[1, 2, 3, 4, 5].map((n) => [`data_batch_${n}.bin`, "train"] as const), ["test_batch.bin", "test"]],
  names: "batches.meta.txt",
  labelBytes: 1,
};

/** The first label is one of 20 kinds, the second the class. */
export const cifar100: CifarLayout = { files: [["train.bin", "train"], ["test.bin", "test"]], names: "fine_label_names.txt", labelBytes: 2 };

/** @throws InputError when a file is missing, is not a whole number of records, or has a class that has no name */
export async function openCifar(folder: string, { files, names, labelBytes }: CifarLayout): Promise<Omit<ClassificationDataset, "metric">> {
  const classNames = (await readList(join(folder, names), /^\S+$/, "airplane")).map(([name]) => name);
  const size = labelBytes + pixelBytes;
  const images: { readonly name: string; readonly label: number; readonly split: Side; readonly source: PlanarPixels }[] = [];
  for (const [name, split] of files) {
    const file = join(folder, name);
    const bytes = await readFile(file).catch(() => {
      throw new InputError(`There is no ${file}; expected the binary version of CIFAR.`);
    });
    if (bytes.length % size !== 0) throw new InputError(`${file} has ${bytes.length} bytes, which is no whole number of records of ${size}; take it from the binary version of CIFAR.`);
    for (let record = 0; record * size < bytes.length; record++) {
      const offset = record * size + labelBytes;
      const label = bytes[offset - 1]!;
      if (label >= classNames.length) throw new InputError(`${file}, image ${record}: class ${label} is none of the ${classNames.length} in ${join(folder, names)}.`);
      images.push({ name: `${name}/${record}`, label, split, source: { file, offset, size: pixelBytes, width: side, height: side } });
    }
  }
  return {
    length: images.length,
    classNames,
    name: (index) => images[index]!.name,
    label: (index) => images[index]!.label,
    source: (index) => images[index]!.source,
    column: (name) => (name === "split" ? images.map(({ split }) => split) : undefined),
  };
}
