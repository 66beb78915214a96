// From crops to what the losses compare: the way through backbone and heads that student and teacher share.
//
// C crops of one or two sizes, T tokens of all of them, N patches of a crop of the first size, M hidden ones
// among them, D width, K prototypes.

import { gatherRows, type Tensor2D, tf } from "@dinov2/tensor";
import type { Crops, ForwardOptions, Segment } from "@dinov2/vit";
import type { Network } from "./network.ts";

export interface HeadOutputs {
  /** Of every crop's class token. */
  readonly cls: Tensor2D; // [C, K]
  /** Of the hidden patches, when there are any. */
  readonly hiddenPatches: Tensor2D | undefined; // [M, K]
  /** What the heads read: class tokens, then hidden patches. */
  readonly features: Tensor2D; // [C + M, D]
}

/**
 * Crops through a network. All go through the backbone in one pass: sequences of different lengths are packed,
 * attention stays within each crop. Only the tokens that the losses read go on through the final norm and the heads.
 *
 * @param maskIndices [M] into the N patches of each of the first crops, counted through
 */
export function headOutputs(
  { backbone, dinoHead, ibotHead }: Network,
  crops: readonly Crops[],
  maskIndices: Int32Array,
  options?: ForwardOptions,
): HeadOutputs {
  const { tokens, segments } = backbone.forwardTokens(crops, options); // [T, D]
  const rows = readRows(segments, 1 + backbone.config.numRegisterTokens, maskIndices);
  const read = gatherRows(tokens, Int32Array.from([...rows.cls, ...rows.patches])); // [C + M, D]
  const features = backbone.finalNorm(read as Tensor2D);
  const [clsFeatures, patchFeatures] = splitRows(features, rows.cls.length); // [C, D], [M, D]
  if (ibotHead && patchFeatures) {
    return { features, cls: dinoHead.forward(clsFeatures), hiddenPatches: ibotHead.forward(patchFeatures) };
  }
  // One head for both, in one product.
  const [cls, hiddenPatches] = splitRows(dinoHead.forward(features), rows.cls.length);
  return { features, cls, hiddenPatches };
}

/** Where packed tokens hold each crop's class token, and the patches of the first crops that `maskIndices` names. */
function readRows(segments: readonly Segment[], prefix: number, maskIndices: Int32Array) {
  const cls: number[] = [];
  let start = 0;
  for (const { count, length } of segments) {
    for (let crop = 0; crop < count; crop++, start += length) cls.push(start);
  }
  const { length } = segments[0]!;
  const patches = length - prefix; // N
  return { cls, patches: [...maskIndices].map((i) => Math.floor(i / patches) * length + prefix + (i % patches)) };
}

/** The first `count` rows, and the others when there are any. */
export function splitRows(rows: Tensor2D, count: number): [Tensor2D, Tensor2D | undefined] {
  const rest = rows.shape[0] - count;
  return rest === 0 ? [rows, undefined] : (tf.split(rows, [count, rest]) as [Tensor2D, Tensor2D]);
}
