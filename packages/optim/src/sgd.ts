// Stochastic gradient descent with momentum: what linear probes on frozen features are trained with.
import { tf } from "@dinov2/tensor";
import type { ParameterRates } from "./parameter-groups.ts";
import { Optimizer } from "./optimizer.ts";
import { withGradients, zerosLike } from "./state.ts";
import type { Gradients, Parameters } from "./state.ts";

/**
 * An SGD optimiser over named parameters, which stay the caller's.
 *
 *     g += weightDecay * p                  # coupled, unlike AdamW's
 *     b  = momentum * b + g                 # b starts at 0
 *     p -= learningRate * b
 *
 * Source: the form of `torch.optim.SGD` (no dampening, no Nesterov), used by `dinov2/eval/linear.py`.
 */
export class Sgd extends Optimizer<Record<"momentum_buffer", Parameters>> {
  private readonly momentum: number;

  constructor(
    private readonly parameters: Parameters,
    options: { readonly momentum?: number } = {},
  ) {
    super({ momentum_buffer: zerosLike(parameters) });
    this.momentum = options.momentum ?? 0.9;
  }

  /** One update in place. The gradients stay the caller's. */
  apply(gradients: Gradients, rates: ParameterRates): void {
    const updates = withGradients(this.parameters, gradients);
    this.steps += 1;
    for (const [name, parameter, gradient] of updates) {
      const buffer = this.slots.momentum_buffer.get(name)!;
      tf.tidy(() => {
        const weightDecay = rates.weightDecay(name);
        const decayed = weightDecay === 0 ? gradient : tf.add(gradient, tf.mul(parameter, weightDecay));
        buffer.assign(tf.add(tf.mul(buffer, this.momentum), decayed));
        parameter.assign(tf.sub(parameter, tf.mul(buffer, rates.learningRate(name))));
      });
    }
  }
}
