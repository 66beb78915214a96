// From the crops of single pictures to a batch, with its block masks. Facts from `dinov2/data/collate.py`.
// B pictures, G global crops each, L local crops each, N patches per global crop, M masked patches in the batch.

import { InputError, type RandomStream } from "@dinov2/foundation";
import { linspaceFloat32 } from "./linspace.ts";
import { generateBlockMask, maxBlockPatches } from "./masking.ts";

/** Numbers with their shape, row-major. */
export interface Shaped<A, S extends readonly number[]> {
  readonly data: A;
  readonly shape: S;
}

type ImageStack = Shaped<Float32Array, [count: number, channels: number, height: number, width: number]>;

/** Which patches of the global crops the student must guess. */
export interface MaskBatch {
  /** [G·B, N], 1 = masked. */
  readonly masks: Shaped<Uint8Array, [number, number]>;
  /** [M], ascending positions in the flattened masks. */
  readonly maskIndices: Int32Array;
  /** [M], 1 / (masked patches of the same crop). */
  readonly maskWeights: Float32Array;
  /** The most patches that any draw of such a batch can mask. */
  readonly upperbound: number;
}

/** One training batch. Crops are in crop-major order: crop c of picture b is row c·B + b. */
export interface Batch extends MaskBatch {
  readonly globalCrops: ImageStack;
  readonly localCrops: ImageStack;
  readonly sampleNames: readonly string[];
}

/** Options of the masks. Defaults of `maskingOptions`: ratios 0.1..0.5 on half of the global crops. */
export interface MaskingOptions {
  readonly patchSize: number;
  readonly maskRatio: readonly [number, number];
  /** Share of the global crops that get a mask. */
  readonly maskProbability: number;
  /** Masks exactly the number of patches asked for, and the most of each crop's range: as dinov3 does. */
  readonly exactCount: boolean;
}

/** The reference's masking with some options changed. */
export function maskingOptions(changes: Partial<MaskingOptions> & { patchSize: number }): MaskingOptions {
  const options = { maskRatio: [0.1, 0.5] as const, maskProbability: 0.5, exactCount: false, ...changes };
  const [low, high] = options.maskRatio;
  if (!(low >= 0 && high >= low && high <= 1)) {
    throw new InputError(`maskRatio is [${low}, ${high}]; expected 0 <= low <= high <= 1.`);
  }
  return options;
}

/** Target ratios of the masked crops: crop i of n draws from [edges[i], edges[i + 1]]. */
export interface MaskBudget {
  readonly edges: Float32Array;
  readonly upperbound: number;
}

/** Stratifies `maskRatio` over the crops that get a mask; in float32, where the reference truncates to whole patches. */
export function maskBudget(
  cropCount: number,
  patchCount: number,
  { maskRatio, maskProbability }: Pick<MaskingOptions, "maskRatio" | "maskProbability">,
): MaskBudget {
  const edges = linspaceFloat32(maskRatio[0], maskRatio[1], Math.trunc(cropCount * maskProbability) + 1);
  let upperbound = 0;
  for (const edge of edges.subarray(1)) upperbound += Math.trunc(Math.fround(patchCount * edge));
  return { edges, upperbound };
}

/** Draws the masks of `cropCount` global crops of `gridHeight` x `gridWidth` patches. */
export function drawMasks(
  cropCount: number,
  grid: { readonly height: number; readonly width: number },
  options: MaskingOptions,
  random: RandomStream,
): MaskBatch {
  const patchCount = grid.height * grid.width;
  const { edges, upperbound } = maskBudget(cropCount, patchCount, options);
  const blocks = {
    ...grid,
    maxBlockPatches: maxBlockPatches(grid.height * options.patchSize, options.patchSize),
    exactCount: options.exactCount,
  };
  const masks: (Uint8Array | null)[] = new Array<null>(cropCount).fill(null);
  for (let i = 0; i + 1 < edges.length; i++) {
    const ratio = options.exactCount ? edges[i + 1]! : random.uniform(edges[i]!, edges[i + 1]!);
    masks[i] = generateBlockMask(blocks, Math.trunc(Math.fround(patchCount * ratio)), random).mask;
  }
  return { ...stackMasks(random.shuffle(masks), patchCount), upperbound };
}

/** Stacks masks (null = nothing masked) and lists what they mask. */
export function stackMasks(masks: readonly (Uint8Array | null)[], patchCount: number): Omit<MaskBatch, "upperbound"> {
  const stacked = new Uint8Array(masks.length * patchCount);
  masks.forEach((mask, crop) => mask && stacked.set(mask, crop * patchCount));
  const indices: number[] = [];
  const weights: number[] = [];
  for (let crop = 0; crop < masks.length; crop++) {
    const start = indices.length;
    for (let cell = crop * patchCount; cell < (crop + 1) * patchCount; cell++) if (stacked[cell]) indices.push(cell);
    for (let i = start; i < indices.length; i++) weights.push(1 / (indices.length - start));
  }
  return {
    masks: { data: stacked, shape: [masks.length, patchCount] },
    maskIndices: Int32Array.from(indices),
    maskWeights: Float32Array.from(weights),
  };
}

/** The crops of one picture, each 3 planes of a square. */
export interface Sample {
  readonly name: string;
  readonly globalCrops: readonly Float32Array[];
  readonly localCrops: readonly Float32Array[];
}

/** Makes a batch of samples that have equally many crops of equal sizes. */
export function collate(samples: readonly Sample[], options: MaskingOptions, random: RandomStream): Batch {
  const globalCrops = stackCrops(samples.map((sample) => sample.globalCrops));
  const side = globalCrops.shape[2] / options.patchSize;
  if (!Number.isInteger(side)) {
    throw new InputError(`Global crops of ${globalCrops.shape[2]} pixels are no multiple of the patch size ${options.patchSize}.`);
  }
  return {
    globalCrops,
    localCrops: stackCrops(samples.map((sample) => sample.localCrops)),
    ...drawMasks(globalCrops.shape[0], { height: side, width: side }, options, random),
    sampleNames: samples.map((sample) => sample.name),
  };
}

/** Stacks `crops[picture][crop]` in crop-major order; each has the shape `cropShape`, by default three planes of a square. */
export function stackCrops(
  crops: readonly (readonly Float32Array[])[],
  cropShape: readonly [channels: number, height: number, width: number] = squareOf(crops[0]?.[0]?.length ?? 0),
): ImageStack {
  const perPicture = crops[0]?.length ?? 0;
  const size = cropShape[0] * cropShape[1] * cropShape[2];
  const data = new Float32Array(crops.length * perPicture * size);
  crops.forEach((picture, b) => picture.forEach((crop, c) => data.set(crop, (c * crops.length + b) * size)));
  return { data, shape: [crops.length * perPicture, ...cropShape] };
}

function squareOf(size: number): [number, number, number] {
  const side = Math.sqrt(size / 3);
  return [3, side, side];
}
