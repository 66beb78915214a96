export type {
  ClassificationTask,
  EvaluationContext,
  EvaluationWatcher,
  Evaluator,
  Measurement,
  ReadingOptions,
} from "./evaluator.ts";
export {
  classAccuracies,
  confusion,
  type ConfusionDetail,
  type CurveDetail,
  type Detail,
  type HeadDetail,
  type NeighboursDetail,
  type PerClassDetail,
  type PictureDetail,
} from "./details.ts";
export {
  blockFeatures,
  evaluationSizes,
  pixelBackbone,
  vitBackbone,
  type BackboneBlocks,
  type FrozenBackbone,
  type ImageSizes,
} from "./backbone.ts";
export { layersBackbone, type LayersBackboneOptions } from "./layers-backbone.ts";
export { extractFeatures, extractLabelled, type ExtractedFeatures, type ExtractOptions } from "./features.ts";
export { reassessedAccuracy, topKAccuracy, type Accuracy } from "./accuracy.ts";
export { FeatureStore, type FeatureDtype, type FeatureStoreOptions } from "./feature-store.ts";
export { knnEvaluator, type KnnEvaluatorOptions } from "./knn-evaluator.ts";
export {
  normalizeRows,
  selectLabelled,
  selectRows,
  type FeatureMatrix,
  type LabelledFeatures,
} from "./feature-matrix.ts";
export { nearestNeighbours, type SearchOptions } from "./nearest-neighbours.ts";
export type { Neighbours } from "./top-k.ts";
export {
  knnClassify,
  OFFICIAL_KS,
  OFFICIAL_TEMPERATURE,
  possibleKs,
  sumVotes,
  voteWeights,
  type KnnOptions,
  type KnnScore,
} from "./knn.ts";
export { augmentedBatches, storedBatches } from "./linear-batches.ts";
export {
  linearEvaluator,
  OFFICIAL_BATCH,
  type LinearEvaluatorOptions,
  type SelectOn,
  type TrainFeatures,
} from "./linear-evaluator.ts";
export { LinearHeads, oneHotRows } from "./linear-heads.ts";
export { blockInputs, linearInputs, OFFICIAL_BLOCKS, type LinearInput, type LinearInputOptions, type LinearInputs } from "./linear-inputs.ts";
export {
  OFFICIAL_LEARNING_RATES,
  OFFICIAL_STEPS,
  scoreHeads,
  trainHeads,
  type HeadScore,
  type LinearTraining,
  type TrainHeadsOptions,
} from "./linear-probe.ts";
export { measureSplits, openSplits } from "./repeated-splits.ts";
export { rowsPerClass, stratifiedSplit, type Split } from "./splits.ts";
export type { NamedTestImages, TestImages } from "./test-images.ts";
export { fingerprint, openTask, type OpenedTask, type TaskOptions } from "./task.ts";
export { patchPca, principalComponents, type PatchColors } from "./patch-pca.ts";
export { resizeBilinear, type BilinearOptions } from "./dense/bilinear-resize.ts";
export { denseFeatures, joinedPatches, lastLayers, padAround, type BackbonePlaces, type FeatureMap, type FeatureMapOptions } from "./dense/dense-features.ts";
export { slide, slidingWindows, type Window, type WindowOptions } from "./dense/sliding-window.ts";
export { loadHead, type HeadTensor, type HeadTensors, type TrainedHead } from "./dense/head-weights.ts";
export type { DenseContext, DenseEvaluator, DenseTask } from "./dense/dense-evaluation.ts";
export { trainDense, type DenseLearner, type DenseTraining } from "./dense/dense-trainer.ts";
export * from "./depth/index.ts";
export * from "./segmentation/index.ts";
export * from "./logistic/index.ts";
export * from "./retrieval/index.ts";
