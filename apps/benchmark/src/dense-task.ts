// Pairs of an image and a map, whatever the map is of: how they are opened, and what results.json says of them.

import { createHash } from "node:crypto";
import type { DenseDataset } from "@dinov2/data";
import type { DenseTask, FrozenBackbone, TrainedHead } from "@dinov2/evaluation";

export interface OpenedPairs<Dataset> {
  readonly task: DenseTask<Dataset>;
  readonly trainedHead?: TrainedHead;
}

/** Both sides, or the test side alone where there is a head that is trained already. */
export async function openPairs<Dataset>(
  openSide: (side: "train" | "val") => Promise<Dataset>,
  readHead: (() => Promise<TrainedHead>) | undefined,
): Promise<OpenedPairs<Dataset>> {
  if (readHead) return { trainedHead: await readHead(), task: { test: await openSide("val") } };
  return { task: { train: await openSide("train"), test: await openSide("val") } };
}

/** How many there are, and SHA-256 over side and name of every pair, then the classes, in order. */
export function describePairs({ train, test }: DenseTask<DenseDataset<unknown>>, classNames: readonly string[] = []) {
  const hash = createHash("sha256");
  for (const [side, dataset] of Object.entries({ ...(train && { train }), test })) {
    for (let i = 0; i < dataset.length; i++) hash.update(`${side}\0${dataset.name(i)}\n`);
  }
  hash.update(classNames.join("\n"));
  return { trainImages: train?.length ?? 0, testImages: test.length, fingerprint: hash.digest("hex") };
}

/** Where a head comes from that was not trained here; of the protocol, what trains one is then of no account. */
export const headOrigin = ({ origin }: TrainedHead) => ({ steps: 0, trainedHead: origin });

export const headWords = ({ steps, trainedHead }: Readonly<Record<string, unknown>>): string =>
  trainedHead === undefined ? `${String(steps)} steps` : `trained before (${String(trainedHead)})`;

/** How many numbers a layer says of a place. */
export const placeWidth = ({ places }: FrozenBackbone): number => places!.width;

/** How many pixels a feature is of, and how images are normalised where it is not by ImageNet's colours. */
export const placeSizes = ({ places, imageSizes: { mean, standardDeviation } }: FrozenBackbone) => ({
  patchSize: places!.patchSize,
  ...(mean && { mean }),
  ...(standardDeviation && { standardDeviation }),
});
