// TF.js records ops on a tape, an array that it pushes them to. Here is one of our own in its place, on which ops save less: TF.js
// gives a gradient function nothing but what the op saved, and so keeps whole tensors, each a copy under another name, for their shapes.
import * as tf from "@tensorflow/tfjs-core";

/** One recorded op: TF.js' TapeNode, whose type tfjs-core does not export. */
export interface TapeNode {
  readonly kernelName: string;
  readonly outputs: tf.Tensor[];
  /** Under their names, or as a list. They may have been disposed of; their shapes stay. */
  readonly inputs: tf.NamedTensorMap;
  readonly gradient?: (dys: (tf.Tensor | undefined)[]) => Record<string, () => tf.Tensor>;
  readonly saved: tf.Tensor[];
}

interface TapeState {
  activeTape: TapeNode[] | null;
  gradientDepth: number;
  kernelDepth: number;
}

const state = () => tf.engine().state as unknown as TapeState;

/** The inputs of which a kernel's gradient needs no more than the shapes; "all" for a kernel that takes a list. */
type ShapeInputs = readonly string[] | "all";

const shapeInputs = new Map<string, ShapeInputs>();

/** On this tape, what is saved for its shape is the input itself, which nobody has to keep or dispose of. */
class Tape extends Array<TapeNode> {
  override push(node: TapeNode): number {
    const names = shapeInputs.get(node.kernelName);
    if (names) for (const name of names === "all" ? Object.keys(node.inputs) : names) node.saved.push(node.inputs[name]!);
    return super.push(node);
  }
}

/**
 * Registers the gradient of a kernel that needs of its inputs their shapes alone.
 * @param gradients of dy, the shapes of `inputs` and the kernel's attributes: for each input a function that gives a tensor of its own
 */
export function registerShapeGradient(
  kernelName: string,
  inputs: ShapeInputs,
  gradients: (dy: tf.Tensor, shapes: number[][], attributes: tf.NamedAttrMap) => Record<string, () => tf.Tensor>,
): void {
  shapeInputs.set(kernelName, inputs);
  const onTapeOfTfjs = () => !(state().activeTape instanceof Tape);
  const named = inputs === "all" ? [] : [...inputs];
  tf.registerGradient({
    kernelName,
    get saveAllInputs() {
      return inputs === "all" && onTapeOfTfjs();
    },
    get inputsToSave() {
      return onTapeOfTfjs() ? named : [];
    },
    gradFunc: (dy, saved, attributes) => gradients(dy as tf.Tensor, saved.map(({ shape }) => shape), attributes),
  });
}

/** Runs `compute` under a tape of its own, whatever tape is open around it. */
export function record<T extends tf.TensorContainer>(compute: () => T): { result: T; tape: TapeNode[] } {
  const { activeTape, gradientDepth, kernelDepth } = state();
  const tape = new Tape();
  Object.assign(state(), { activeTape: tape, gradientDepth: 1, kernelDepth: 0 });
  try {
    return { result: tf.tidy(compute), tape };
  } catch (error) {
    tape.forEach(forget);
    throw error;
  } finally {
    Object.assign(state(), { activeTape, gradientDepth, kernelDepth });
  }
}

/** Disposes of what an op has saved. */
export function forget({ kernelName, saved }: TapeNode): void {
  if (!shapeInputs.has(kernelName)) for (const tensor of saved) tensor.dispose();
}
