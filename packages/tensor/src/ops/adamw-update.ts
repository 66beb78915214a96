import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, kernel } from "./op.ts";
import { ownMemory } from "./own-memory.ts";

export interface AdamWUpdate {
  readonly parameter: tf.Variable;
  readonly gradient: tf.Tensor;
  readonly firstMoment: tf.Variable;
  readonly secondMoment: tf.Variable;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Number of this update, from 1. */
  readonly step: number;
}

// The portable definition writes through the variables that come as its inputs.
const update = kernel("AdamWUpdate", ({ parameter, gradient, firstMoment, secondMoment }, attributes) => {
  const { learningRate, weightDecay, beta1, beta2, epsilon, firstCorrection, secondCorrection } = attributes;
  const first = tf.add(tf.mul(firstMoment, beta1), tf.mul(gradient, 1 - beta1));
  const second = tf.add(tf.mul(secondMoment, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const direction = tf.div(
    tf.mul(first, 1 / firstCorrection),
    tf.add(tf.sqrt(tf.mul(second, 1 / secondCorrection)), epsilon),
  );
  const decayed = tf.mul(parameter, 1 - learningRate * weightDecay);
  (parameter as tf.Variable).assign(tf.sub(decayed, tf.mul(direction, learningRate)));
  (firstMoment as tf.Variable).assign(first);
  (secondMoment as tf.Variable).assign(second);
  return [];
});

/**
 * One AdamW step of one parameter, as torch.optim.AdamW (arXiv 1711.05101): p *= 1 - lr wd; the moments;
 * p -= lr mHat / (sqrt(vHat) + epsilon). Writes the three variables in place.
 */
export function adamWUpdate(options: AdamWUpdate): void {
  const { parameter, gradient, firstMoment, secondMoment, step, ...rest } = options;
  const variables = [parameter, firstMoment, secondMoment];
  assertShape(variables.every((variable) => tf.util.arraysEqual(variable.shape, gradient.shape)), () =>
    `adamWUpdate: gradient [${gradient.shape}], parameter [${parameter.shape}] and moments must have one shape.`);
  assertFloat32("adamWUpdate", [gradient, ...variables]);
  assertShape(step >= 1, () => `adamWUpdate: step ${step}; the first is 1.`);
  ownMemory("AdamWUpdate", variables);
  update({ parameter, gradient, firstMoment, secondMoment }, {
    ...rest,
    firstCorrection: 1 - rest.beta1 ** step,
    secondCorrection: 1 - rest.beta2 ** step,
  });
}
