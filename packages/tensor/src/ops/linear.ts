import * as tf from "@tensorflow/tfjs-core";
import { geluBackward, geluForward } from "./gelu.ts";
import { asRows, assertShape, differentiable, inShape, kernel, product } from "./op.ts";

export type Activation = "none" | "gelu";

/** Of rows [R, I]; the ops that begin or end with a linear layer share it. */
export const linearForward = kernel("LinearFused", ({ x, weight, bias }, { activation }) => {
  const preActivation = tf.fused.matMul({
    a: x as tf.Tensor2D,
    b: tf.transpose(weight) as tf.Tensor2D,
    ...(bias ? { bias } : {}),
  });
  if (activation === "none") return [preActivation];
  return [geluForward({ x: preActivation }, {})[0], preActivation];
});

export const linearBackward = kernel("LinearFusedGrad", ({ dy, x, weight, preActivation }, { hasBias }) => {
  const dPre = preActivation ? geluBackward({ dy, x: preActivation }, {})[0] : dy;
  const dx = product(dPre, weight);
  const dWeight = product(dPre, x, true);
  return hasBias ? [dx, dWeight, tf.sum(dPre, 0)] : [dx, dWeight];
});

/**
 * activation(x weightᵀ + bias), the weight in the layout of torch.nn.Linear.
 * @param x [..., I]
 * @param weight [O, I]
 * @param bias [O] or null
 * @param activation "gelu" is the exact one, fused so that only the pre-activation is kept for the gradient
 * @returns [..., O]
 */
export function linear(
  x: tf.Tensor,
  weight: tf.Tensor,
  bias: tf.Tensor | null = null,
  activation: Activation = "none",
): tf.Tensor {
  const [outputs, width] = weight.shape;
  assertShape(weight.rank === 2 && x.shape.at(-1) === width && (bias === null || bias.size === outputs), () =>
    `linear: x [${x.shape}], weight [${weight.shape}] and bias [${bias?.shape}] do not fit [..., I], [O, I], [O].`);
  const hasBias = bias !== null;
  const withGelu = activation === "gelu";
  return differentiable(
    "linear",
    hasBias ? [x, weight, bias] : [x, weight],
    () => {
      const [y, preActivation] = linearForward({ x: asRows(x), weight, ...(hasBias ? { bias } : {}) }, { activation });
      const saved = withGelu ? [x, weight, preActivation!] : [x, weight];
      return { value: inShape(y, [...x.shape.slice(0, -1), outputs!]), saved };
    },
    (dy, [x, weight, preActivation]) => {
      const inputs = { dy: asRows(dy), x: asRows(x!), weight: weight! };
      const [dx, dWeight, dBias] = linearBackward(withGelu ? { ...inputs, preActivation: preActivation! } : inputs, {
        activation,
        hasBias,
      });
      const gradients = [inShape(dx, x!.shape), dWeight];
      return hasBias ? [...gradients, dBias!] : gradients;
    },
  );
}
