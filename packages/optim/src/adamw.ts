// AdamW: Adam whose weight decay shrinks the weights directly and stays out of the moments.
import { adamWUpdate } from "@dinov2/tensor";
import type { Clipping } from "./clip.ts";
import type { ParameterRates } from "./parameter-groups.ts";
import { Optimizer } from "./optimizer.ts";
import { withGradients, zerosLike } from "./state.ts";
import type { Gradients, Parameters } from "./state.ts";

export interface AdamWOptions {
  readonly beta1?: number;
  readonly beta2?: number;
  /** Added to the bias-corrected root, as PyTorch does. */
  readonly epsilon?: number;
}

/**
 * An AdamW optimiser over named parameters, which stay the caller's.
 *
 *     step += 1
 *     for each parameter p with gradient g:
 *       p *= 1 - learningRate * weightDecay
 *       m = beta1 * m + (1 - beta1) * g
 *       v = beta2 * v + (1 - beta2) * g²
 *       p -= learningRate * (m / (1 - beta1^step)) / (sqrt(v / (1 - beta2^step)) + epsilon)
 *
 * A learning rate of 0 (the frozen last layer) leaves p alone, but m and v still follow the gradient. A
 * parameter without a gradient is left out of the step altogether.
 *
 * Source: arXiv 1711.05101, algorithm 2, in the form of `torch.optim.AdamW`; betas and epsilon are
 * those of `dinov2/configs/ssl_default_config.yaml`.
 */
export class AdamW extends Optimizer<Record<"exp_avg" | "exp_avg_sq", Parameters>> {
  private readonly options: Required<AdamWOptions>;

  constructor(
    private readonly parameters: Parameters,
    options: AdamWOptions = {},
  ) {
    super({ exp_avg: zerosLike(parameters), exp_avg_sq: zerosLike(parameters) });
    this.options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...options };
  }

  /**
   * One update in place, in one call for all parameters. The gradients stay the caller's.
   * @param clipping makes the gradients smaller as they are read
   */
  apply(gradients: Gradients, rates: ParameterRates, clipping?: Pick<Clipping, "factor">): void {
    const updates = withGradients(this.parameters, gradients);
    this.steps += 1;
    const parameters = updates.map(([name, parameter, gradient]) => ({
      parameter,
      gradient,
      firstMoment: this.slots.exp_avg.get(name)!,
      secondMoment: this.slots.exp_avg_sq.get(name)!,
      learningRate: rates.learningRate(name),
      weightDecay: rates.weightDecay(name),
      gradientFactor: clipping?.factor(name) ?? 1,
    }));
    adamWUpdate(parameters, { ...this.options, step: this.steps });
  }
}

/** `new AdamW(parameters, options)`. */
export function createAdamW(parameters: Parameters, options?: AdamWOptions): AdamW {
  return new AdamW(parameters, options);
}
