// From crops to what the losses compare: the way through backbone and heads that student and teacher share.
//
// C crops of one or two sizes, T tokens of all of them, N patches of a crop of the first size, M hidden ones
// among them, D width.

import { type Tensor2D, tf } from "@dinov2/tensor";
import { type Crops, type DinoHead, type ForwardOptions, type Segment, segmentOffsets } from "@dinov2/vit";
import type { Network } from "./network.ts";

/** Rows that went through a head up to its prototypes. */
export interface ProjectedRows {
  readonly head: DinoHead;
  readonly rows: Tensor2D; // [R, bottleneck]
}

export interface HeadOutputs {
  /** What the heads read: class tokens, then hidden patches. */
  readonly features: Tensor2D; // [C + M, D]
  /** All of them by one head; or the class tokens [C] by one and the hidden patches [M], when there are any, by another. */
  readonly projected: readonly ProjectedRows[];
}

/**
 * Crops through a network. All go through the backbone in one pass: sequences of different lengths are packed,
 * attention stays within each crop. Only the tokens that the losses read go through the last feed-forward layer, the
 * final norm and the heads.
 *
 * @param maskIndices [M] into the N patches of each of the first crops, counted through
 */
export function headOutputs(
  { backbone, dinoHead, ibotHead }: Network,
  crops: readonly Crops[],
  maskIndices: Int32Array,
  options?: ForwardOptions,
): HeadOutputs {
  const prefix = 1 + backbone.config.numRegisterTokens;
  const features = backbone.forwardRows(crops, (segments) => rowsToRead(segments, prefix, maskIndices), options);
  const cropCount = crops.reduce((sum, { images }) => sum + images.shape[0], 0);
  const project = (head: DinoHead, rows: Tensor2D): ProjectedRows => ({ head, rows: head.project(rows) });
  if (!ibotHead) return { features, projected: [project(dinoHead, features)] };
  const [clsFeatures, patchFeatures] = splitRows(features, cropCount); // [C, D], [M, D]
  return { features, projected: [project(dinoHead, clsFeatures), ...(patchFeatures ? [project(ibotHead, patchFeatures)] : [])] };
}

/** Where packed tokens hold each crop's class token, then the patches of the first crops that `maskIndices` names. */
function rowsToRead(segments: readonly Segment[], prefix: number, maskIndices: Int32Array): Int32Array {
  const offsets = segmentOffsets(segments);
  const cls = segments.flatMap(({ count, length }, i) =>
    Array.from({ length: count }, (_, crop) => offsets[i]! + crop * length),
  );
  const { length } = segments[0]!;
  const patches = length - prefix; // N
  const hidden = Array.from(maskIndices, (i) => Math.floor(i / patches) * length + prefix + (i % patches));
  return Int32Array.from([...cls, ...hidden]);
}

/** The first `count` rows, and the others when there are any. */
export function splitRows(rows: Tensor2D, count: number): [Tensor2D, Tensor2D | undefined] {
  const rest = rows.shape[0] - count;
  return rest === 0 ? [rows, undefined] : (tf.split(rows, [count, rest]) as [Tensor2D, Tensor2D]);
}
