export { pretrain, type PretrainOptions, type PretrainStart, type PretrainSummary } from "./pretrain.ts";
export {
  listRecipes,
  loadRecipe,
  parseRecipe,
  recipeDifferences,
  recipeKeys,
  type Recipe,
  type RecipeInput,
} from "./recipe.ts";
export { pretrainStep, stepGradients, type StepRecipe } from "./pretrain-step.ts";
export { createTrainingState, disposeTrainingState, type TrainingState } from "./training-state.ts";
export {
  backboneConfig,
  modules,
  namedParameters,
  parameterCounts,
  type ModuleName,
  type Network,
  type ParameterCounts,
} from "./network.ts";
export { createSchedules, peakLearningRate, type StepSettings } from "./schedules.ts";
export { splitBatch } from "./split-batch.ts";
export { disposeBatch, toTensors, type TrainingBatch } from "./batch.ts";
export { hasTrainedHeads, prepareWarmStart, type PreparedWarmStart, type WarmStart, type WarmStartReport } from "./warm-start.ts";
export { expectedStart } from "./expected-start.ts";
export { accelerators, type Accelerator, planPretraining, type PlanOptions, type PretrainPlan } from "./plan.ts";
export { stepFlops, tokensPerImage } from "./step-cost.ts";
export { stepMemory, type Precision, type StepMemory } from "./step-memory.ts";
export { readMetrics, type MetricsRecord } from "./metrics-log.ts";
export {
  loadCheckpoint,
  saveCheckpoint,
  type CheckpointInfo,
  type CheckpointMetric,
  type DataIdentity,
} from "./checkpoint.ts";
export { UnsavedStepsError } from "./checkpoint-keeper.ts";
export { DamagedCheckpointError } from "./checkpoint-manifest.ts";
export { imageReading, imageReadingOf, type ImageReading } from "./image-reading.ts";
export { configPath, readRunRecipe } from "./run-folder.ts";
export type { RunEvaluation } from "./run-evaluation.ts";
export { NonFiniteStepsError } from "./watch/non-finite.ts";
export type { WatchEvent } from "./watch/run-watch.ts";
