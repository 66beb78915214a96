// Whether images are still the same files, without reading them.

import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { ImageDataset } from "@dinov2/data";

/** Files that are asked after at once. */
const stride = 256;

/**
 * SHA-256 over the size and the time of the last change of every image's file, in order, and its place where it is a part of one:
 * equal for the same files wherever they lie. A file that is not there counts as such.
 */
export async function filesFingerprint(dataset: ImageDataset): Promise<string> {
  const hash = createHash("sha256");
  /** Files that hold many images. */
  const shared = new Map<string, Promise<string>>();
  const stateOf = (index: number) => {
    const source = dataset.source(index);
    if (typeof source === "string") return stateOfFile(source);
    if (!shared.has(source.file)) shared.set(source.file, stateOfFile(source.file));
    return shared.get(source.file)!.then((state) => `${state} ${source.offset} ${source.size}`);
  };
  for (let first = 0; first < dataset.length; first += stride) {
    const some = Array.from({ length: Math.min(stride, dataset.length - first) }, (_, i) => stateOf(first + i));
    for (const state of await Promise.all(some)) hash.update(`${state}\n`);
  }
  return hash.digest("hex");
}

const stateOfFile = (path: string) => stat(path).then(({ size, mtimeMs }) => `${size} ${mtimeMs}`, () => "missing");
