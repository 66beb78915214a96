// Stochastic gradient descent with momentum: what linear probes on frozen features are trained with.
import { tf } from "@dinov2/tensor";
import type { ParameterRates } from "./parameter-groups.ts";
import { disposeSlots, exportSlots, importSlots, withGradients, zerosLike } from "./state.ts";
import type { Gradients, OptimizerState, Parameters } from "./state.ts";

/**
 * An SGD optimiser over named parameters, which stay the caller's.
 *
 *     g += weightDecay * p                  # coupled, unlike AdamW's
 *     b  = momentum * b + g                 # b starts at 0
 *     p -= learningRate * b
 *
 * Source: the form of `torch.optim.SGD` (no dampening, no Nesterov), used by `dinov2/eval/linear.py`.
 */
export class Sgd {
  private steps = 0;
  private readonly momentum: number;
  private readonly slots;

  constructor(
    private readonly parameters: Parameters,
    options: { readonly momentum?: number } = {},
  ) {
    this.momentum = options.momentum ?? 0.9;
    this.slots = { momentum_buffer: zerosLike(parameters) };
  }

  /** Updates done. */
  get step(): number {
    return this.steps;
  }

  /** One update in place. The gradients stay the caller's. */
  apply(gradients: Gradients, rates: ParameterRates): void {
    const updates = withGradients(this.parameters, gradients);
    this.steps += 1;
    for (const [name, parameter, gradient] of updates) {
      const buffer = this.slots.momentum_buffer.get(name)!;
      tf.tidy(() => {
        const decayed = tf.add(gradient, tf.mul(parameter, rates.weightDecay(name)));
        buffer.assign(tf.add(tf.mul(buffer, this.momentum), decayed));
        parameter.assign(tf.sub(parameter, tf.mul(buffer, rates.learningRate(name))));
      });
    }
  }

  async exportState(): Promise<OptimizerState> {
    return { step: this.steps, tensors: await exportSlots(this.slots) };
  }

  /** Goes on from an exported state. @throws InputError when it belongs to other parameters */
  importState(state: OptimizerState): void {
    importSlots(this.slots, state.tensors);
    this.steps = state.step;
  }

  /** Frees the momentum, not the parameters. */
  dispose(): void {
    disposeSlots(this.slots);
  }
}
