import * as tf from "@tensorflow/tfjs-core";
import type { KernelAttributes } from "./kernels.ts";
import { assertFloat32, assertShape, kernel } from "./op.ts";
import { ownMemory } from "./own-memory.ts";

/** One parameter of an update. */
export interface AdamWParameter {
  readonly parameter: tf.Variable;
  readonly gradient: tf.Tensor;
  readonly firstMoment: tf.Variable;
  readonly secondMoment: tf.Variable;
  readonly learningRate: number;
  readonly weightDecay: number;
  /** What the gradient is multiplied by as it is read, such as that of clipping; 1 when not given. */
  readonly gradientFactor?: number;
}

/** What all parameters of an update share. */
export interface AdamWSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Number of this update, from 1. */
  readonly step: number;
}

/** The portable definition of parameter `i`, which writes through the variables that come as its inputs. */
function updateOne(inputs: readonly tf.Tensor[], attributes: KernelAttributes<"AdamWUpdate">, i: number): void {
  const [parameter, , firstMoment, secondMoment] = inputs as tf.Variable[];
  const { beta1, beta2, epsilon, firstCorrection, secondCorrection } = attributes;
  const [learningRate, weightDecay] = [attributes.learningRates[i]!, attributes.weightDecays[i]!];
  const gradient = tf.mul(inputs[1]!, attributes.gradientFactors[i]!);
  const first = tf.add(tf.mul(firstMoment!, beta1), tf.mul(gradient, 1 - beta1));
  const second = tf.add(tf.mul(secondMoment!, beta2), tf.mul(tf.square(gradient), 1 - beta2));
  const direction = tf.div(
    tf.mul(first, 1 / firstCorrection),
    tf.add(tf.sqrt(tf.mul(second, 1 / secondCorrection)), epsilon),
  );
  const decayed = tf.mul(parameter!, 1 - learningRate * weightDecay);
  parameter!.assign(tf.sub(decayed, tf.mul(direction, learningRate)));
  firstMoment!.assign(first);
  secondMoment!.assign(second);
}

const update = kernel("AdamWUpdate", (inputs, attributes) => {
  attributes.learningRates.forEach((_, i) => tf.tidy(() => updateOne(inputs.slice(4 * i, 4 * i + 4), attributes, i)));
  return [];
});

/**
 * One AdamW step of any number of parameters, as torch.optim.AdamW (arXiv 1711.05101), for each with g its gradient times
 * the gradient's factor: p *= 1 - lr wd; the moments of g; p -= lr mHat / (sqrt(vHat) + epsilon). Writes the variables in place.
 */
export function adamWUpdate(parameters: readonly AdamWParameter[], { step, ...settings }: AdamWSettings): void {
  for (const { parameter, gradient, firstMoment, secondMoment } of parameters) {
    const variables = [parameter, firstMoment, secondMoment];
    assertShape(variables.every((variable) => tf.util.arraysEqual(variable.shape, gradient.shape)), () =>
      `adamWUpdate: gradient [${gradient.shape}], parameter [${parameter.shape}] and moments must have one shape.`);
    assertFloat32("adamWUpdate", [gradient, ...variables]);
  }
  assertShape(step >= 1, () => `adamWUpdate: step ${step}; the first is 1.`);
  if (parameters.length === 0) return;
  ownMemory("AdamWUpdate", parameters.flatMap(({ parameter, firstMoment, secondMoment }) => [parameter, firstMoment, secondMoment]));
  const inputs = parameters.flatMap(({ parameter, gradient, firstMoment, secondMoment }) => [parameter, gradient, firstMoment, secondMoment]);
  update(inputs, {
    ...settings,
    learningRates: parameters.map(({ learningRate }) => learningRate),
    weightDecays: parameters.map(({ weightDecay }) => weightDecay),
    gradientFactors: parameters.map(({ gradientFactor = 1 }) => gradientFactor),
    firstCorrection: 1 - settings.beta1 ** step,
    secondCorrection: 1 - settings.beta2 ** step,
  });
}
