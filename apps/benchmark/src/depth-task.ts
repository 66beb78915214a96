// What part of the pairs is trained on, and how far away a pixel may be.

import { type DepthCropOptions, type DepthDataset, nyuFrame, publishedDepthCrop } from "@dinov2/data";

export interface DepthTaskOptions {
  readonly data: string;
  readonly crop?: readonly [height: number, width: number];
}

/** The same pairs, of which farther pixels do not count. */
export const upTo = (dataset: DepthDataset, far: number): DepthDataset => ({
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
