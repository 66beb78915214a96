// From the name of a source to pairs to train and to test a depth head on, and what part of them is trained on.

import { type DepthCropOptions, type DepthDataset, nyuFrame, openDepthDataset, publishedDepthCrop } from "@dinov2/data";
import type { DepthTask } from "@dinov2/evaluation";

export interface DepthTaskOptions {
  readonly data: string;
  readonly crop?: readonly [height: number, width: number];
  readonly maxDepth?: number;
}

export async function openDepthTask({ data, maxDepth }: DepthTaskOptions): Promise<DepthTask> {
  const [train, test] = [await openDepthDataset(data, "train"), await openDepthDataset(data, "val")];
  return maxDepth === undefined ? { train, test } : { train: upTo(train, maxDepth), test: upTo(test, maxDepth) };
}

/** The same pairs, of which farther pixels do not count. */
const upTo = (dataset: DepthDataset, far: number): DepthDataset => ({
  length: dataset.length,
  range: [dataset.range[0], far],
  ...(dataset.scoredCrop && { scoredCrop: dataset.scoredCrop }),
  name: (index) => dataset.name(index),
  readImage: (index) => dataset.readImage(index),
  readMap: (index) => dataset.readMap(index),
});

const KITTI_CROP = [352, 704] as const;

/** What is published for the layout, where the first image is large enough. NYU's pictures have a white frame, which is cut off. */
export async function cropOf({ data, crop }: DepthTaskOptions, train: DepthDataset): Promise<DepthCropOptions> {
  const published = data.startsWith("kitti:") ? KITTI_CROP : [publishedDepthCrop.height, publishedDepthCrop.width];
  if (train.length === 0) return publishedDepthCrop;
  const { width: imageWidth, height: imageHeight } = await train.readImage(0);
  const framed = data.startsWith("nyu:") && imageWidth === 640 && imageHeight === 480;
  const [height, width] = crop ?? [Math.min(published[0]!, imageHeight), Math.min(published[1]!, imageWidth)];
  return { ...publishedDepthCrop, height, width, ...(framed && { frame: nyuFrame }) };
}
