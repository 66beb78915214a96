// What results.json says of pairs of an image and a map, whatever the map is of.

import { createHash } from "node:crypto";
import type { DenseDataset } from "@dinov2/data";
import type { FrozenBackbone } from "@dinov2/evaluation";

interface Pairs {
  readonly train: DenseDataset<unknown>;
  readonly test: DenseDataset<unknown>;
}

/** How many there are, and SHA-256 over side and name of every pair, then the classes, in order. */
export function describePairs({ train, test }: Pairs, classNames: readonly string[] = []) {
  const hash = createHash("sha256");
  for (const [side, dataset] of Object.entries({ train, test })) {
    for (let i = 0; i < dataset.length; i++) hash.update(`${side}\0${dataset.name(i)}\n`);
  }
  hash.update(classNames.join("\n"));
  return { trainImages: train.length, testImages: test.length, fingerprint: hash.digest("hex") };
}

/** How many numbers a layer says of a place. */
export const placeWidth = ({ places }: FrozenBackbone): number => places!.width;

/** How many pixels a feature is of, and how images are normalised where it is not by ImageNet's colours. */
export const placeSizes = ({ places, imageSizes: { mean, standardDeviation } }: FrozenBackbone) => ({
  patchSize: places!.patchSize,
  ...(mean && { mean }),
  ...(standardDeviation && { standardDeviation }),
});
