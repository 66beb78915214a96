// Segmentation heads from files: those of the official repository, and those that this benchmark wrote.

import { InputError } from "@dinov2/foundation";
import type { BackbonePlaces } from "../dense/dense-features.ts";
import { readHead, type TrainedHead } from "../dense/head-weights.ts";

const CLASSIFIER = "conv_seg.weight";

/** @throws InputError when the file holds no segmentation head */
export async function readSegmentationHead(path: string): Promise<TrainedHead> {
  const head = await readHead(path);
  if (!head.weights.has(CLASSIFIER)) throw new InputError(`${path} holds no segmentation head; expected decode_head.${CLASSIFIER}.`);
  return head;
}

/**
 * How many last layers it reads.
 * @throws InputError when these are no whole layers of the model
 */
export function layersReadBy({ origin, weights }: TrainedHead, { width, depth }: Pick<BackbonePlaces, "width" | "depth">): number {
  const inputs = weights.get(CLASSIFIER)!.shape[1]!;
  const layers = inputs / width;
  if (Number.isInteger(layers) && layers >= 1 && layers <= depth) return layers;
  throw new InputError(
    `${origin} reads ${inputs} numbers of a place, and the model gives ${width} for each of its ${depth} blocks; ` +
      "name the model that the head was trained on.",
  );
}
