// A collated batch of `@dinov2/data`, which knows no tensors, as the tensors of a step.
//
// B images of C channels; 2 global crops of each, L local ones, stacked crop by crop: all images' first, all images' second, …;
// N patches of a global crop, M hidden ones in all 2B crops.

import type { Batch } from "@dinov2/data";
import { type Tensor1D, type Tensor2D, type Tensor4D, tf } from "@dinov2/tensor";

export interface TrainingBatch {
  readonly globalCrops: Tensor4D; // [2B, C, S, S]
  readonly localCrops: Tensor4D | null; // [L·B, C, s, s]
  readonly masks: Tensor2D; // [2B, N] bool, true = hidden from the student
  readonly maskIndices: Int32Array; // [M] into the 2B·N patches
  readonly maskWeights: Tensor1D; // [M], 1 / (hidden patches of the crop)
}

/** Copies a batch to the backend; `disposeBatch` gives the memory back. */
export function toTensors(batch: Batch): TrainingBatch {
  const { globalCrops, localCrops, masks, maskIndices, maskWeights } = batch;
  return {
    globalCrops: tf.tensor4d(globalCrops.data, globalCrops.shape),
    localCrops: localCrops.data.length > 0 ? tf.tensor4d(localCrops.data, localCrops.shape) : null,
    masks: tf.tensor2d(masks.data, masks.shape, "bool"),
    maskIndices,
    maskWeights: tf.tensor1d(maskWeights),
  };
}

export function disposeBatch(batch: TrainingBatch): void {
  tf.dispose([batch.globalCrops, batch.localCrops ?? [], batch.masks, batch.maskWeights]);
}
