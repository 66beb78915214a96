// From crops to what the losses compare: the way through backbone and heads that student and teacher share.
//
// C crops of one or two sizes, T tokens of all of them, N patches of a crop of the first size, M hidden ones
// among them, M' these filled up to a multiple of 32, D width.

import { gatherRows, type RandomStream, type Tensor2D, tf } from "@dinov2/tensor";
import { type Crops, type DinoHead, type ForwardOptions, randomSamples, type Segment, segmentOffsets } from "@dinov2/vit";
import type { Network } from "./network.ts";
import type { Recipe } from "./recipe.ts";

/** Rows that went through a head up to its prototypes. */
export interface ProjectedRows {
  readonly head: DinoHead;
  readonly rows: Tensor2D; // [R, bottleneck]
}

export interface HeadOutputs {
  /** What the heads read: class tokens, then patches, some of which may be there twice. */
  readonly features: Tensor2D; // [C + M', D]
  /** All of them by one head; or the class tokens [C] by one and the hidden patches [M], when there are any, by another. */
  readonly projected: readonly ProjectedRows[];
}

/** Ways to the same numbers. What is not the default is there to measure what the default saves. */
export interface HeadOutputsOptions extends ForwardOptions {
  /** Crops of all sizes in one pass, packed; else a pass for each size. */
  readonly packCrops?: boolean;
  /** The heads read no patches but the hidden ones; else all patches of the first crops. */
  readonly headsOnHiddenOnly?: boolean;
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
  { packCrops = true, headsOnHiddenOnly = true, ...options }: HeadOutputsOptions = {},
): HeadOutputs {
  const cropCount = crops.reduce((sum, { images }) => sum + images.shape[0], 0);
  const read = headsOnHiddenOnly ? filledUp(maskIndices) : everyPatch(crops[0]!, backbone.config.patchSize);
  const throughBackbone = packCrops ? packedFeatures : separateFeatures;
  const features = throughBackbone(backbone, crops, read, options);
  const project = (head: DinoHead, rows: Tensor2D): ProjectedRows => ({ head, rows: head.project(rows) });
  const hiddenOf = (all: ProjectedRows, cls: number) =>
    headsOnHiddenOnly ? firstRows(all, cls + maskIndices.length) : hiddenAmong(all, cls, maskIndices);
  const [clsFeatures, patchFeatures] = splitRows(features, cropCount); // [C, D], [M', D]
  if (!ibotHead || !patchFeatures) return { features, projected: [hiddenOf(project(dinoHead, features), cropCount)] };
  return { features, projected: [project(dinoHead, clsFeatures), hiddenOf(project(ibotHead, patchFeatures), 0)] };
}

/** The class tokens [C, D] of crops of one size, as they are before the heads: the same beside crops of another size, or without. */
export const classTokens = ({ backbone }: Network, crops: Crops, options: ForwardOptions): Tensor2D =>
  packedFeatures(backbone, [crops], new Int32Array(0), options);

/** How the student sees crops. The draws for those of one size do not depend on what else is seen. */
export const withStochasticDepth = (random: RandomStream, { skipDropped }: Recipe["efficiency"]): ForwardOptions => ({
  training: true,
  random,
  computeDropped: !skipDropped,
});

type Backbone = Network["backbone"];

function packedFeatures(backbone: Backbone, crops: readonly Crops[], patches: Int32Array, options: ForwardOptions): Tensor2D {
  const prefix = 1 + backbone.config.numRegisterTokens;
  return backbone.forwardRows(crops, (segments) => rowsToRead(segments, prefix, patches), options);
}

function separateFeatures(backbone: Backbone, crops: readonly Crops[], patches: Int32Array, options: ForwardOptions): Tensor2D {
  const none = new Int32Array(0);
  const [first, ...others] = crops.map((each, i) => packedFeatures(backbone, [each], i === 0 ? patches : none, atCrop(options, i)));
  const [cls, patchRows] = splitRows(first!, crops[0]!.images.shape[0]);
  return tf.concat([cls, ...others, ...(patchRows ? [patchRows] : [])]);
}

/** Stochastic depth as it draws for crops `crop` of a packed pass. */
function atCrop({ random, chooseSamples, ...options }: ForwardOptions, crop: number): ForwardOptions {
  const choose = chooseSamples ?? (random && randomSamples(random));
  return choose ? { ...options, chooseSamples: (draw) => choose({ ...draw, crop }) } : options;
}

function everyPatch({ images }: Crops, patchSize: number): Int32Array {
  const [count, , height, width] = images.shape;
  return Int32Array.from({ length: (count * height * width) / patchSize ** 2 }, (_, i) => i);
}

/**
 * Every batch hides another number of patches, and an engine that compiles a product for each size it meets would compile a dozen in each
 * step. So some patches go through the heads twice, up to a multiple of 32.
 */
function filledUp(patches: Int32Array): Int32Array {
  const filled = new Int32Array(Math.ceil(patches.length / 32) * 32).fill(patches[0] ?? 0);
  filled.set(patches);
  return filled;
}

function firstRows({ head, rows }: ProjectedRows, count: number): ProjectedRows {
  return { head, rows: splitRows(rows, count)[0] };
}

/** The first `cls` rows, and of the patches after them those that are hidden. */
function hiddenAmong({ head, rows }: ProjectedRows, cls: number, maskIndices: Int32Array): ProjectedRows {
  const wanted = [...Array(cls).keys(), ...Array.from(maskIndices, (patch) => cls + patch)];
  return { head, rows: gatherRows(rows, Int32Array.from(wanted)) as Tensor2D };
}

/** Where packed tokens hold each crop's class token, then the patches of the first crops that `patches` names. */
function rowsToRead(segments: readonly Segment[], prefix: number, patches: Int32Array): Int32Array {
  const offsets = segmentOffsets(segments);
  const cls = segments.flatMap(({ count, length }, i) =>
    Array.from({ length: count }, (_, crop) => offsets[i]! + crop * length),
  );
  const { length } = segments[0]!;
  const ofCrop = length - prefix; // N
  const rows = Array.from(patches, (i) => Math.floor(i / ofCrop) * length + prefix + (i % ofCrop));
  return Int32Array.from([...cls, ...rows]);
}

/** The first `count` rows, and the others when there are any. */
export function splitRows(rows: Tensor2D, count: number): [Tensor2D, Tensor2D | undefined] {
  const rest = rows.shape[0] - count;
  return rest === 0 ? [rows, undefined] : (tf.split(rows, [count, rest]) as [Tensor2D, Tensor2D]);
}
