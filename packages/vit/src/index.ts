export { VisionTransformer, type ForwardOptions, type PackedTokens } from "./vision-transformer.ts";
export type { Features, IntermediateLayer, IntermediateLayerOptions } from "./features.ts";
export type { Crops } from "./tokens.ts";
export { segmentOffsets, sequenceRows, unpackSegment, type Segment } from "./packing.ts";
export {
  blockPrefix,
  checkConfig,
  configDefaults,
  dropPathRates,
  ffnHiddenWidth,
  ffnLayers,
  isSwiglu,
  parseConfig,
  type FfnLayer,
  type VisionTransformerConfig,
} from "./config.ts";
export {
  releasedBackbones,
  releasedConfig,
  sizes,
  vitConfig,
  type ReleasedBackbone,
  type SizeName,
} from "./sizes.ts";
export { elementCount, parameter, vitParameterSpecs, type ParameterMap, type ParameterSpec } from "./parameters.ts";
export { positionEmbedding, resizePositionEmbedding, storedGridSide, type PositionEmbedding } from "./position-embedding.ts";
export { cubicResizeWeights, type ResizeOptions } from "./cubic-resize.ts";
export type { PatchGrid } from "./patch-embed.ts";
export { keptCount, randomSamples, type ChooseSamples, type ResidualBranch, type SampleDraw } from "./stochastic-depth.ts";
export { DinoHead, dinoHeadDefaults, dinoHeadParameterSpecs, type DinoHeadConfig } from "./dino-head.ts";
export { isPositionEmbedding, loadWeights, stateDict, type LoadOptions, type StateDict, type WeightArray } from "./weights/load-weights.ts";
export { assertMatches, compareWeights, type Shape, type WeightReport } from "./weights/compare.ts";
export { openModel, openWeights, type OpenedModel, type OpenModelOptions } from "./weights/open-model.ts";
export { withBlockNames, type WeightSource } from "./weights/source.ts";
export { loadModel, saveModel, type LoadModelOptions } from "./weights/load-model.ts";
