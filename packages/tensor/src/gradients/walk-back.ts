// The backward pass over a tape, with less memory than that of TF.js, which keeps what every op saved, and every gradient of an
// intermediate result, until all of it is over. Here each goes as soon as it has been used, so the peak is that of the forward pass.
import * as tf from "@tensorflow/tfjs-core";
import { accumulate } from "../ops/accumulate.ts";
import { forget, type TapeNode } from "./tape.ts";

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

/** The inputs whose gradient is dy itself where they have the shape of the result. */
const passing: Readonly<Record<string, readonly string[]>> = { Add: ["a", "b"], Sub: ["a"], Identity: ["x"], Cast: ["x"], Reshape: ["x"] };

/** Whether each of the inputs `names` gets dy as it is. */
function passes({ kernelName, inputs, outputs }: TapeNode, names: readonly string[]): boolean {
  const candidates = passing[kernelName];
  if (candidates === undefined) return false;
  const { shape } = outputs[0]!;
  return names.every((name) => candidates.includes(name) && tf.util.arraysEqual(inputs[name]!.shape, shape));
}

/** The gradients of one node's inputs, as tensors of their own: of what is not new, such as dy itself, a clone. */
function nodeGradients(node: TapeNode, names: readonly string[], dys: (tf.Tensor | undefined)[]): tf.Tensor[] {
  if (!node.gradient) throw new Error(`${node.kernelName} has no gradient; see packages/tensor/src/gradients.`);
  return tf.tidy(() => {
    const scope = tf.engine().state.activeScope.id;
    const gradients = node.gradient!(dys);
    const own: tf.Tensor[] = [];
    for (const name of names) {
      const gradient = gradients[name]!();
      const isNew = gradient.scopeId === scope && !gradient.kept && !own.includes(gradient);
      own.push(isNew ? gradient : tf.clone(gradient));
    }
    return own;
  });
}

/** The gradients of tensors, by their ids, while they add up. Owns them. */
class Gradients {
  private readonly found = new Map<number, tf.Tensor>();

  /** @param wanted the ids of those that are results */
  constructor(private readonly wanted: ReadonlySet<number>) {}

  get({ id }: tf.Tensor): tf.Tensor | undefined {
    return this.found.get(id);
  }

  /** Takes `gradient` from the caller. */
  add({ id }: tf.Tensor, gradient: tf.Tensor): void {
    const before = this.found.get(id);
    this.found.set(id, before ? accumulate(before, gradient) : gradient);
  }

  /** dy of `output` for `count` inputs, as tensors that the caller owns. The first is dy itself, which is then gone from here, or a clone of a result. */
  pass(output: tf.Tensor, count: number): tf.Tensor[] {
    const dy = this.get(output)!;
    const keeps = this.wanted.has(output.id);
    if (!keeps) this.found.delete(output.id);
    return Array.from({ length: count }, (_, i) => (i === 0 && !keeps ? dy : tf.clone(dy)));
  }

  /** Disposes of the gradient of a tensor that is no result. */
  drop({ id }: tf.Tensor): void {
    if (this.wanted.has(id)) return;
    this.found.get(id)?.dispose();
    this.found.delete(id);
  }

  dispose(keep = new Set<number>()): void {
    for (const [id, gradient] of this.found) if (!keep.has(id)) gradient.dispose();
  }
}

/** Walks the tape backwards from dTarget = 1, or `seed`; owns and gives back the gradients of `sources`. */
export function walkBack(tape: TapeNode[], sources: readonly tf.Tensor[], target: tf.Tensor, seed?: tf.Tensor) {
  const inputsOf = relevantInputs(tape, sources, target);
  const wanted = new Set(sources.map((tensor) => tensor.id));
  const gradients = new Gradients(wanted);
  try {
    gradients.add(target, seed ? tf.clone(seed) : tf.ones(target.shape));
    for (const [node, names] of [...inputsOf].toReversed()) {
      const { inputs, outputs } = node;
      const found = passes(node, names)
        ? gradients.pass(outputs[0]!, names.length)
        : nodeGradients(node, names, outputs.map((output) => gradients.get(output)));
      for (const [i, name] of names.entries()) gradients.add(inputs[name]!, found[i]!);
      forget(node);
      inputsOf.delete(node);
      for (const output of outputs) gradients.drop(output);
    }
  } catch (error) {
    gradients.dispose();
    throw error;
  } finally {
    inputsOf.forEach((_, node) => forget(node));
  }
  const results = sources.map((source) => gradients.get(source));
  gradients.dispose(wanted);
  return results;
}
