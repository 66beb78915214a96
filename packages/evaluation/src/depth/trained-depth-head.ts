// Depth heads from files: those of the official repository, and those that this benchmark wrote.

import { InputError } from "@dinov2/foundation";
import type { BackbonePlaces } from "../dense/dense-features.ts";
import { readHead, type TrainedHead } from "../dense/head-weights.ts";
import type { DepthHeadName } from "./depth-protocol.ts";

const LINEAR = "conv_depth.weight";
const DPT = "conv_depth.head.0.weight";

/** @throws InputError when the file holds no depth head */
export async function readDepthHead(path: string): Promise<TrainedHead> {
  const { origin, weights } = await readHead(path);
  if (![LINEAR, DPT].some((name) => weights.has(name))) {
    throw new InputError(`${path} holds no depth head; expected decode_head.${LINEAR} (linear) or decode_head.${DPT} (DPT).`);
  }
  // The class of linear heads is called BNHead, but its code has no batch norm; a file may have one all the same.
  return { origin, weights: new Map([...weights].filter(([name]) => !name.startsWith("bn."))) };
}

/**
 * Which head it is, by what it reads of a place.
 * @throws InputError when this is not what the model's places have
 */
export function depthHeadOf({ origin, weights }: TrainedHead, { width }: Pick<BackbonePlaces, "width">): DepthHeadName {
  if (weights.has(DPT)) return "dpt";
  const inputs = weights.get(LINEAR)!.shape[1];
  if (inputs === 2 * width) return "lin1";
  if (inputs === 8 * width) return "lin4";
  throw new InputError(
    `${origin} reads ${inputs} numbers of a place, and the model gives ${2 * width} (its last block) or ${8 * width} (four blocks); ` +
      "name the model that the head was trained on.",
  );
}
