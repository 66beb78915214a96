// What a recipe will take, before anything runs: nothing is allocated, so a plan of ViT-g takes no time and no memory.

import { InputError } from "@dinov2/foundation";
import { type ParameterCounts, parameterCounts } from "./network.ts";
import type { Recipe } from "./recipe.ts";
import { peakLearningRate } from "./schedules.ts";
import { stepFlops, tokensPerImage } from "./step-cost.ts";
import { type Precision, type StepMemory, stepMemory } from "./step-memory.ts";

/** Peak TFLOP/s of dense products, as the maker states them for the SXM boards. fp32 is without TF32. */
const peakTeraflops = {
  a100: { fp32: 19.5, bf16: 312 },
  h100: { fp32: 67, bf16: 989 },
} as const satisfies Record<string, Record<Precision, number>>;

export type Accelerator = keyof typeof peakTeraflops;
export const accelerators = Object.keys(peakTeraflops) as Accelerator[];

/**
 * The share of its peak that a GPU is taken to achieve over a whole step. The published costs give 0.33 for the short recipe,
 * 0.30 for ViT-L/14 and 0.38 for ViT-g/14 (official README: 1 day on 32 A100, 3.3 days on 96; paper: 22,016 A100-hours).
 */
const achievedShare = 1 / 3;

export interface PlanOptions {
  /** How many GPUs share a batch. 1 by default. */
  readonly gpus?: number;
  readonly gpu?: Accelerator;
  /** What each GPU achieves, in TFLOP/s, when it is known; else a third of the peak. */
  readonly gpuTeraflops?: number;
  readonly precision?: Precision;
}

export interface PretrainPlan {
  readonly parameters: ParameterCounts;
  readonly tokensPerImage: { readonly student: number; readonly teacher: number };
  readonly batchSize: number;
  readonly imagesPerGpu: number;
  readonly steps: number;
  readonly learningRate: number;
  readonly precision: Precision;
  /** Of matrix products, over all GPUs. */
  readonly flopsPerStep: number;
  /** Of one GPU; every one has all weights and moments. */
  readonly memoryBytes: StepMemory;
  readonly gpus: number;
  /** What the GPUs are: a name, or null when `gpuTeraflops` said what they achieve. */
  readonly gpu: Accelerator | null;
  /** What each is taken to achieve, in TFLOP/s. */
  readonly gpuTeraflops: number;
  readonly secondsPerStep: number;
  readonly imagesPerSecond: number;
  readonly days: number;
  readonly gpuHours: number;
}

/** @throws InputError when the batch does not divide among the GPUs */
export function planPretraining(recipe: Recipe, options: PlanOptions = {}): PretrainPlan {
  const { gpus = 1, gpu = "a100", precision = "bf16" } = options;
  const { batchSize } = recipe.data;
  const { steps } = recipe.schedule;
  if (batchSize % gpus !== 0) {
    throw new InputError(
      `data.batchSize is ${batchSize}, which ${gpus} GPUs cannot share evenly; give --gpus ${nearestDivisor(batchSize, gpus)}, ` +
        `or --set data.batchSize=${Math.ceil(batchSize / gpus) * gpus}.`,
    );
  }
  const ofOneGpu: Recipe = { ...recipe, data: { ...recipe.data, batchSize: batchSize / gpus } };
  const flopsPerGpu = stepFlops(ofOneGpu);
  const gpuTeraflops = options.gpuTeraflops ?? peakTeraflops[gpu][precision] * achievedShare;
  const secondsPerStep = flopsPerGpu / (gpuTeraflops * 1e12);
  const hours = (secondsPerStep * steps) / 3600;
  return {
    parameters: parameterCounts(recipe),
    tokensPerImage: tokensPerImage(recipe),
    batchSize,
    imagesPerGpu: batchSize / gpus,
    steps,
    learningRate: peakLearningRate(recipe.optimizer, batchSize),
    precision,
    flopsPerStep: Math.round(flopsPerGpu * gpus),
    memoryBytes: stepMemory(ofOneGpu, precision),
    gpus,
    gpu: options.gpuTeraflops === undefined ? gpu : null,
    gpuTeraflops,
    secondsPerStep,
    imagesPerSecond: batchSize / secondsPerStep,
    days: hours / 24,
    gpuHours: hours * gpus,
  };
}

function nearestDivisor(batchSize: number, gpus: number): number {
  for (let count = Math.min(gpus, batchSize); ; count--) if (batchSize % count === 0) return count;
}
