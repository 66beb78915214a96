export { cosineSchedule, type CosineScheduleOptions, type Schedule } from "./cosine-schedule.ts";
export { pretrainSchedules, type PretrainScheduleOptions, type PretrainSchedules } from "./pretrain-schedules.ts";
export { scaleLearningRate, type LearningRateScaling } from "./learning-rate.ts";
export {
  fuseGroups,
  parameterGroups,
  parameterRates,
  type FusedGroup,
  type ParameterGroup,
  type ParameterGroupOptions,
  type ParameterRates,
} from "./parameter-groups.ts";
export { AdamW, createAdamW, type AdamWOptions } from "./adamw.ts";
export { Sgd } from "./sgd.ts";
export type { Gradients, OptimizerState, Parameters, PlainTensor } from "./state.ts";
export { clipGradientsPerSubModule, type Clipping } from "./clip.ts";
export { updateTeacher } from "./ema.ts";
