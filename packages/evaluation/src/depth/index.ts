export { depthMetricNames, DepthScores, type DepthMetrics, type ScoredPixels } from "./depth-metrics.ts";
export { gradientLoss, sigLoss, type DepthLossOptions } from "./depth-losses.ts";
export { depthBins, depthOfBins, depthOfNumber, type BinShares } from "./depth-bins.ts";
export type { DepthHead, DepthRange } from "./depth-head.ts";
export { LinearDepthHead, placeFeatures, type LinearDepthHeadOptions } from "./linear-depth-head.ts";
export { DptDepthHead, publishedDptSizes } from "./dpt-depth-head.ts";
export type { DptSizes } from "./dpt-layers.ts";
export { depthLayers } from "./depth-layers.ts";
