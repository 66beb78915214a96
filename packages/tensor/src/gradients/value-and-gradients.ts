// Values with their gradients, what `tf.variableGrads` gives: an op's gradient is in the registry of this folder, the tape in tape.ts,
// the way back over it in walk-back.ts.
import * as tf from "@tensorflow/tfjs-core";
import { record, type TapeNode } from "./tape.ts";
import { walkBack } from "./walk-back.ts";

/** The gradients of `target` with respect to `sources`; on an error nothing of the forward pass stays. */
function backpropagate(
  { result, tape }: { result: tf.TensorContainer; tape: TapeNode[] },
  sources: readonly tf.Tensor[],
  target: tf.Tensor,
  seed?: tf.Tensor,
): (tf.Tensor | undefined)[] {
  try {
    return walkBack(tape, sources, target, seed);
  } catch (error) {
    tf.dispose(result);
    throw error;
  }
}

/** A loss, and whatever else of the forward pass should come back with it. */
export interface LossWithExtras<Extras extends tf.NamedTensorMap> {
  value: tf.Scalar;
  extras: Extras;
}

/**
 * A scalar, and its gradients with respect to named variables. The caller owns all that is returned;
 * everything else that `compute` made is disposed of. A variable that the value does not depend on
 * is absent from `gradients`.
 *
 * @param compute the forward pass: gives the scalar, or `{ value, extras }` with tensors to hand through
 * @param variables the variables by name, such as a model's parameters
 */
export function valueAndGradients<Extras extends tf.NamedTensorMap = Record<never, never>>(
  compute: () => tf.Scalar | LossWithExtras<Extras>,
  variables: ReadonlyMap<string, tf.Variable>,
): { value: tf.Scalar; gradients: Map<string, tf.Tensor>; extras: Extras } {
  const recorded = record(() => compute() as never as tf.TensorContainer);
  const { result } = recorded;
  const { value, extras } = result instanceof tf.Tensor
    ? { value: result as tf.Scalar, extras: {} as Extras }
    : (result as unknown as LossWithExtras<Extras>);
  const found = backpropagate(recorded, [...variables.values()], value);
  const gradients = new Map<string, tf.Tensor>();
  [...variables.keys()].forEach((name, i) => {
    if (found[i]) gradients.set(name, found[i]);
  });
  return { value, gradients, extras };
}

/**
 * The vector-Jacobian product: the gradients of Σ (f(inputs) * dy) with respect to `inputs`, zeros where
 * there is no dependence. Also under an open tape, which records nothing of it.
 */
export function vectorJacobianProduct(compute: () => tf.Tensor, inputs: readonly tf.Tensor[], dy: tf.Tensor): tf.Tensor[] {
  const recorded = record(compute);
  const found = backpropagate(recorded, inputs, recorded.result, dy);
  recorded.result.dispose();
  return found.map((gradient, i) => gradient ?? tf.zeros(inputs[i]!.shape));
}

/**
 * compute(...inputs), which saves only the inputs: the backward pass runs `compute` again (activation
 * checkpointing, arXiv 1604.06174). `compute` must give the same each time, and takes from outside nothing
 * that a gradient should flow to but `variables`.
 */
export function checkpoint<Inputs extends readonly tf.Tensor[]>(
  compute: (...inputs: Inputs) => tf.Tensor,
  inputs: Inputs,
  variables: readonly tf.Variable[],
): tf.Tensor {
  const run = tf.customGrad((...parameters) => {
    (parameters.at(-1) as tf.GradSaveFunc)([...inputs]);
    return {
      value: compute(...inputs),
      gradFunc: (dy, saved) => {
        const again = saved as unknown as Inputs;
        return vectorJacobianProduct(() => compute(...again), [...again, ...variables], dy as tf.Tensor);
      },
    };
  });
  return run(...inputs, ...variables);
}
