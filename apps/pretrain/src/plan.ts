// `dinov2 pretrain --plan`: what a recipe will take, instead of running it.

import { type CommonOptions, printResult } from "@dinov2/cli";
import { type Accelerator, loadRecipe, planPretraining } from "@dinov2/training";
import { describePlan } from "./describe-plan.ts";

export interface PlanCommandOptions extends Pick<CommonOptions, "precision" | "json"> {
  /** A recipe's name or file. */
  readonly recipe: string;
  /** `key=value` changes of the recipe. */
  readonly set?: readonly string[];
  readonly gpus: number;
  readonly gpu: Accelerator;
  /** What each GPU achieves, in TFLOP/s. */
  readonly gpuTflops?: number;
}

export async function printPlan(options: PlanCommandOptions): Promise<void> {
  const { recipe, set = [], gpus, gpu, gpuTflops, precision } = options;
  const plan = planPretraining(await loadRecipe(recipe, set), {
    gpus,
    gpu,
    precision,
    ...(gpuTflops !== undefined && { gpuTeraflops: gpuTflops }),
  });
  printResult(options, { recipe, ...plan }, () => describePlan(recipe, plan));
}
