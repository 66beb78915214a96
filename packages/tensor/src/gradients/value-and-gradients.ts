// Reverse-mode differentiation over TF.js' own tape, with less memory than `tf.variableGrads`: TF.js keeps
// what every op saved, and every gradient of an intermediate result, until the whole backward pass
// is over. Here each goes as soon as it has been used, so the peak is that of the forward pass.
import * as tf from "@tensorflow/tfjs-core";
import { accumulate } from "../ops/accumulate.ts";

/** One recorded op: TF.js' TapeNode, whose type tfjs-core does not export. */
interface TapeNode {
  readonly kernelName: string;
  readonly outputs: tf.Tensor[];
  readonly inputs: tf.NamedTensorMap;
  readonly gradient?: (dys: (tf.Tensor | undefined)[]) => Record<string, () => tf.Tensor>;
  readonly saved?: tf.Tensor[];
}

interface TapeState {
  activeTape: TapeNode[] | null;
  gradientDepth: number;
  kernelDepth: number;
}

/** Runs `compute` under a tape of its own, whatever tape is open around it. */
function record<T extends tf.TensorContainer>(compute: () => T): { result: T; tape: TapeNode[] } {
  const state = tf.engine().state as unknown as TapeState;
  const { activeTape, gradientDepth, kernelDepth } = state;
  const tape: TapeNode[] = [];
  Object.assign(state, { activeTape: tape, gradientDepth: 1, kernelDepth: 0 });
  try {
    return { result: tf.tidy(compute), tape };
  } catch (error) {
    tape.forEach(forget);
    throw error;
  } finally {
    Object.assign(state, { activeTape, gradientDepth, kernelDepth });
  }
}

function forget(node: TapeNode): void {
  tf.dispose(node.saved ?? []);
}

/** The inputs of each node that depend on `sources`, for the nodes that `target` depends on; forgets the others. */
function relevantInputs(tape: readonly TapeNode[], sources: readonly tf.Tensor[], target: tf.Tensor) {
  const fromSources = new Set(sources.map((tensor) => tensor.id));
  const inputsOf = new Map<TapeNode, string[]>();
  for (const node of tape) {
    const names = Object.keys(node.inputs).filter((name) => fromSources.has(node.inputs[name]!.id));
    if (names.length === 0) continue;
    inputsOf.set(node, names);
    // Integers and booleans carry no gradient: what follows from them alone is a constant.
    for (const output of node.outputs) if (output.dtype === "float32") fromSources.add(output.id);
  }
  const toTarget = new Set([target.id]);
  for (const node of tape.toReversed()) {
    if (inputsOf.has(node) && node.outputs.some((output) => toTarget.has(output.id))) {
      for (const name of inputsOf.get(node)!) toTarget.add(node.inputs[name]!.id);
    } else {
      inputsOf.delete(node);
      forget(node);
    }
  }
  return inputsOf;
}

/** The gradients of one node's inputs, as tensors of their own (TF.js may hand out dy itself). */
function nodeGradients(node: TapeNode, names: readonly string[], dys: (tf.Tensor | undefined)[]): tf.Tensor[] {
  if (!node.gradient) throw new Error(`${node.kernelName} has no gradient; see packages/tensor/src/gradients.`);
  return tf.tidy(() => {
    const gradients = node.gradient!(dys);
    return names.map((name) => tf.clone(gradients[name]!()));
  });
}

/** Walks the tape backwards from dTarget = 1, or `seed`; owns and gives back the gradients of `sources`. */
function walkBack(tape: TapeNode[], sources: readonly tf.Tensor[], target: tf.Tensor, seed?: tf.Tensor) {
  const inputsOf = relevantInputs(tape, sources, target);
  const wanted = new Set(sources.map((tensor) => tensor.id));
  const gradients = new Map<number, tf.Tensor>();
  const add = (id: number, gradient: tf.Tensor) => {
    const before = gradients.get(id);
    gradients.set(id, before ? accumulate(before, gradient) : gradient);
  };
  try {
    add(target.id, seed ? tf.clone(seed) : tf.ones(target.shape));
    for (const [node, names] of [...inputsOf].toReversed()) {
      const dys = node.outputs.map((output) => gradients.get(output.id));
      nodeGradients(node, names, dys).forEach((gradient, i) => add(node.inputs[names[i]!]!.id, gradient));
      forget(node);
      inputsOf.delete(node);
      for (const output of node.outputs) {
        if (wanted.has(output.id)) continue;
        gradients.get(output.id)?.dispose();
        gradients.delete(output.id);
      }
    }
  } catch (error) {
    gradients.forEach((gradient) => gradient.dispose());
    throw error;
  } finally {
    inputsOf.forEach((_, node) => forget(node));
  }
  const results = sources.map((source) => gradients.get(source.id));
  for (const [id, gradient] of gradients) if (!wanted.has(id)) gradient.dispose();
  return results;
}

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
