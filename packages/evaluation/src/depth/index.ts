export { depthEvaluator, type DepthContext, type DepthEvaluator } from "./depth-evaluator.ts";
export {
  depthHeads,
  depthLearningRate,
  publishedDepthProtocol,
  type DepthHeadName,
  type DepthProtocol,
  type DepthTask,
} from "./depth-protocol.ts";
export { DepthProbe, type DepthProbeOptions } from "./depth-probe.ts";
export { predictDepth, type PredictDepthOptions } from "./predict-depth.ts";
export { depthMetricNames, DepthScores, type DepthMetrics, type ScoredPixels } from "./depth-metrics.ts";
export { gradientLoss, sigLoss, type DepthLossOptions } from "./depth-losses.ts";
export { depthBins, depthOfBins, depthOfNumber, type BinShares } from "./depth-bins.ts";
export type { DepthHead, DepthRange } from "./depth-head.ts";
export { LinearDepthHead, placeFeatures, type LinearDepthHeadOptions } from "./linear-depth-head.ts";
export { DptDepthHead, publishedDptSizes } from "./dpt-depth-head.ts";
export type { DptSizes } from "./dpt-layers.ts";
export { depthLayers } from "./depth-layers.ts";
export { depthHeadOf, readDepthHead } from "./trained-depth-head.ts";
