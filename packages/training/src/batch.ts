// A collated batch of `@dinov2/data`, which knows no tensors, as the tensors of a step.

import type { Batch } from "@dinov2/data";
import { tf } from "@dinov2/tensor";
import type { TrainingBatch } from "./pretrain-step.ts";

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
