// Gradient accumulation's view of a batch: the same images in equal parts, each a batch of its own.
//
// B images of the batch, b of a part; G global crops of each image, N patches of a global crop.

import type { Batch, Shaped } from "@dinov2/data";

/**
 * The batch in `parts` parts of B / parts images each, in order: every part has all crops of its images, and their masks
 * as they were drawn for the whole batch. What the parts' losses average to is the loss of the batch.
 *
 * @throws RangeError unless `parts` divides B
 */
export function splitBatch(batch: Batch, parts: number): Batch[] {
  const images = batch.sampleNames.length;
  if (images % parts !== 0) throw new RangeError(`A batch of ${images} images does not fall into ${parts} equal parts.`);
  if (parts === 1) return [batch];
  const size = images / parts;
  return Array.from({ length: parts }, (_, part) => takeImages(batch, part * size, size));
}

function takeImages(batch: Batch, start: number, size: number): Batch {
  const images = batch.sampleNames.length;
  const masks = takeRows(batch.masks, images, start, size);
  const patches = masks.shape[1];
  const maskIndices: number[] = [];
  const maskWeights: number[] = [];
  batch.maskIndices.forEach((index, i) => {
    const crop = Math.floor(index / patches); // c·B + image
    const image = (crop % images) - start;
    if (image < 0 || image >= size) return;
    maskIndices.push((Math.floor(crop / images) * size + image) * patches + (index % patches));
    maskWeights.push(batch.maskWeights[i]!);
  });
  return {
    globalCrops: takeRows(batch.globalCrops, images, start, size),
    localCrops: takeRows(batch.localCrops, images, start, size),
    masks,
    maskIndices: Int32Array.from(maskIndices),
    maskWeights: Float32Array.from(maskWeights),
    upperbound: batch.upperbound,
    sampleNames: batch.sampleNames.slice(start, start + size),
  };
}

/** Of rows c·B + image, crop by crop, those of images `start` to `start + size`. */
function takeRows<A extends Float32Array | Uint8Array, S extends readonly [number, ...number[]]>(
  { data, shape }: Shaped<A, S>,
  images: number,
  start: number,
  size: number,
): Shaped<A, S> {
  const [rows, ...rest] = shape;
  const rowLength = rest.reduce((product, length) => product * length, 1);
  const crops = rows / images;
  const taken = data.slice(0, crops * size * rowLength) as A;
  for (let crop = 0; crop < crops; crop++) {
    const from = (crop * images + start) * rowLength;
    taken.set(data.subarray(from, from + size * rowLength), crop * size * rowLength);
  }
  return { data: taken, shape: [crops * size, ...rest] as unknown as S };
}
