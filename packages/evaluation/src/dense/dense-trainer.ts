// Training a head on frozen features of places: the loop that all dense probes share. What a batch holds, what the network sees of it
// and what the loss is, the probe says.

import { AdamW, clipGradientsPerSubModule, type Parameters } from "@dinov2/optim";
import { tf, valueAndGradients } from "@dinov2/tensor";

/** What is particular to a probe. */
export interface DenseLearner<Batch, Inputs extends tf.TensorContainer> {
  readonly parameters: Parameters;
  /** The frozen part: a batch to what the head reads and learns from. Nothing of it is recorded, and the trainer disposes it. */
  prepare(batch: Batch): Inputs;
  /** The loss of a step, counted from 0, recorded for its gradient. */
  loss(inputs: Inputs, step: number): tf.Scalar;
}

export interface DenseTraining {
  readonly steps: number;
  /** The learning rate of a step, counted from 0. */
  learningRate(step: number): number;
  readonly weightDecay: number;
  /** The largest norm of all gradients together; any when missing. */
  readonly clipNorm?: number;
  readonly onProgress?: (stepsDone: number, total: number) => void;
}

/**
 * AdamW on as many of `batches` as there are steps; the parameters are changed in place.
 * @throws Error when the gradients are not finite
 */
export async function trainDense<Batch, Inputs extends tf.TensorContainer>(
  batches: AsyncIterable<Batch>,
  learner: DenseLearner<Batch, Inputs>,
  training: DenseTraining,
): Promise<void> {
  const { steps, onProgress } = training;
  const optimizer = new AdamW(learner.parameters);
  let step = 0;
  onProgress?.(0, steps);
  try {
    for await (const batch of batches) {
      const inputs = tf.tidy(() => learner.prepare(batch));
      try {
        takeStep(optimizer, learner, inputs, step, training);
      } finally {
        tf.dispose(inputs);
      }
      step++;
      onProgress?.(step, steps);
      if (step === steps) break;
    }
  } finally {
    optimizer.dispose();
  }
}

function takeStep<Batch, Inputs extends tf.TensorContainer>(
  optimizer: AdamW,
  learner: DenseLearner<Batch, Inputs>,
  inputs: Inputs,
  step: number,
  { learningRate, weightDecay, clipNorm = Infinity }: DenseTraining,
): void {
  const { value, gradients } = valueAndGradients(() => learner.loss(inputs, step), learner.parameters);
  try {
    // All of a head's gradients have one norm, whatever their names begin with.
    const together = new Map([...gradients].map(([name, gradient]) => [`head.${name}`, gradient]));
    const clipping = clipGradientsPerSubModule(together, clipNorm);
    if (![...clipping.norms.values()].every(Number.isFinite)) {
      throw new Error(`The gradients of step ${step + 1} are not finite; lower the learning rate.`);
    }
    const rates = { learningRate: () => learningRate(step), weightDecay: () => weightDecay };
    optimizer.apply(gradients, rates, { factor: (name) => clipping.factor(`head.${name}`) });
  } finally {
    tf.dispose([value, ...gradients.values()]);
  }
}
