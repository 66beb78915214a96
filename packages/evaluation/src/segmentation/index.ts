export { LinearSegmentationHead } from "./linear-segmentation-head.ts";
export { pixelCrossEntropy } from "./pixel-cross-entropy.ts";
export { segmentationEvaluator, type SegmentationContext, type SegmentationEvaluator } from "./segmentation-evaluator.ts";
export {
  publishedMultiScaleProtocol,
  publishedSegmentationProtocol,
  type SegmentationProtocol,
  type SegmentationTask,
} from "./segmentation-protocol.ts";
export { SegmentationScores, type SegmentationMetrics } from "./segmentation-scores.ts";
export { layersReadBy, readSegmentationHead } from "./trained-segmentation-head.ts";
