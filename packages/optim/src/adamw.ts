// AdamW: Adam whose weight decay shrinks the weights directly and stays out of the moments.
import { adamWUpdate } from "@dinov2/tensor";
import type { ParameterRates } from "./parameter-groups.ts";
import { disposeSlots, exportSlots, importSlots, withGradients, zerosLike } from "./state.ts";
import type { Gradients, OptimizerState, Parameters } from "./state.ts";

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
export class AdamW {
  private steps = 0;
  private readonly slots;
  private readonly options: Required<AdamWOptions>;

  constructor(
    private readonly parameters: Parameters,
    options: AdamWOptions = {},
  ) {
    this.options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, ...options };
    this.slots = { exp_avg: zerosLike(parameters), exp_avg_sq: zerosLike(parameters) };
  }

  /** Updates done. */
  get step(): number {
    return this.steps;
  }

  /** One update in place, one fused call per parameter. The gradients stay the caller's. */
  apply(gradients: Gradients, rates: ParameterRates): void {
    const updates = withGradients(this.parameters, gradients);
    this.steps += 1;
    for (const [name, parameter, gradient] of updates) {
      adamWUpdate({
        parameter,
        gradient,
        firstMoment: this.slots.exp_avg.get(name)!,
        secondMoment: this.slots.exp_avg_sq.get(name)!,
        learningRate: rates.learningRate(name),
        weightDecay: rates.weightDecay(name),
        step: this.steps,
        ...this.options,
      });
    }
  }

  /** Moments as `NAME.exp_avg` and `NAME.exp_avg_sq`, PyTorch's names for them. */
  async exportState(): Promise<OptimizerState> {
    return { step: this.steps, tensors: await exportSlots(this.slots) };
  }

  /** Goes on from an exported state. @throws InputError when it belongs to other parameters */
  importState(state: OptimizerState): void {
    importSlots(this.slots, state.tensors);
    this.steps = state.step;
  }

  /** Frees the moments, not the parameters. */
  dispose(): void {
    disposeSlots(this.slots);
  }
}

/** `new AdamW(parameters, options)`. */
export function createAdamW(parameters: Parameters, options?: AdamWOptions): AdamW {
  return new AdamW(parameters, options);
}
