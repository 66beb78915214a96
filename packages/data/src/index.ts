export { openDataset } from "./datasets/open-dataset.ts";
export { openTestDataset, type TestDataset } from "./datasets/test-dataset.ts";
export { validationLabelsHint } from "./datasets/imagenet/validation-labels.ts";
export type { ClassificationDataset } from "./datasets/classification/classification-dataset.ts";
export { looksLikeClassificationSet, openClassificationSet } from "./datasets/classification/open-classification-set.ts";
export { atMost, subset, type ImageDataset } from "./datasets/dataset.ts";
export type { FilePart } from "./datasets/file-part.ts";
export { imageBytes, type ImageSource } from "./datasets/image-source.ts";
export type { ReadBlocks } from "./datasets/read-blocks.ts";
export { ignoredLabel, type DenseDataset, type DepthDataset, type DepthMap, type LabelMap, type SegmentationDataset } from "./dense/dense-dataset.ts";
export { openDepthDataset } from "./dense/open-depth-dataset.ts";
export { depthBatches, type DepthBatch, type DepthBatchOptions } from "./dense/depth-batches.ts";
export { nyuFrame, publishedDepthCrop, type DepthCropOptions, type PixelFrame } from "./dense/depth-crop.ts";
export { readDepthPair, type DepthPair } from "./dense/depth-pair.ts";
export { openSegmentationDataset } from "./dense/open-segmentation-dataset.ts";
export { resizeImage, resizeLabels, scaledSize, type ScaleLimits, type Size } from "./dense/resize-pair.ts";
export { segmentationBatches, type SegmentationBatch, type SegmentationBatchOptions } from "./dense/segmentation-batches.ts";
export { normalizePlanes, publishedMultiScaleCrop, publishedSegmentationCrop, type SegmentationCropOptions } from "./dense/segmentation-crop.ts";
export { readSegmentationPair, type SegmentationPair } from "./dense/segmentation-pair.ts";
export { hasImageExtension, imageExtensions, type ChannelStack, type RgbImage } from "./images.ts";
export { decodeImage, DecodeError, decoderVersions, defaultPixelLimit, type DecodeOptions } from "./decode.ts";
export { encodePng, thumbnail } from "./encode.ts";
export { decodeChannels, type ChannelOptions } from "./decode-channels.ts";
export { multiCrop, multiCropOptions, releasedMultiCrop, drawMultiCrop, type Crops, type MultiCropOptions } from "./multi-crop.ts";
export { evalTransform, evalTransformOptions, type EvalTransformOptions } from "./eval-transform.ts";
export {
  imagenetMean,
  imagenetNormalization,
  imagenetStandardDeviation,
  mostChannels,
  normalizationFor,
  type Normalization,
} from "./augment/normalization.ts";
export { CropRenderer } from "./augment/renderer.ts";
export { PlaneCanvas } from "./augment/plane-canvas.ts";
export { gaussianKernel } from "./augment/gaussian.ts";
export { drawCropPlan, type CropDistribution, type CropPlan, type JitterOperation, type JitterPlan } from "./augment/crop-plan.ts";
export { drawCropRectangle, type Rectangle } from "./augment/random-resized-crop.ts";
export { generateBlockMask, maxBlockPatches, type BlockMask, type BlockMaskOptions } from "./masking.ts";
export {
  collate,
  drawMasks,
  maskBudget,
  maskingOptions,
  stackCrops,
  stackMasks,
  type Batch,
  type MaskBatch,
  type MaskingOptions,
  type Sample,
  type Shaped,
} from "./collate.ts";
export { epochOrder, InfiniteSampler, type InfiniteSamplerOptions, type Sampler, type SamplerState } from "./samplers.ts";
export { BlockSampler, type BlockSamplerOptions } from "./block-sampler.ts";
export { createLoader, defaultShuffleBytes, defaultWorkers, type LoadedBatch, type Loader, type LoaderOptions, type LoaderStatistics } from "./loader/loader.ts";
export { loadEvalImages, type EvalBatch, type EvalLoaderOptions } from "./loader/eval-loader.ts";
export { loadRandomCrops, type RandomCropBatch, type RandomCropOptions } from "./loader/random-crop-loader.ts";
export type { SkipOptions } from "./loader/skip-ledger.ts";
export { looksLikeRevisited, openRevisited, type Relevance, type RevisitedDataset } from "./retrieval/revisited-dataset.ts";
