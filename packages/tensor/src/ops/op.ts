// How an op of this package is made. An op is one or two kernels of the table in kernels.ts, each
// with a portable definition of the same signature in plain TF.js ops; `kernel` joins the two, and
// runs the backend's own kernel where there is one. `differentiable` then ties a forward kernel to
// its gradient kernel. Both save no more than what they are told to.
import * as tf from "@tensorflow/tfjs-core";
import { hasFusedKernel } from "./kernels.ts";
import type { KernelAttributes, KernelInputs, KernelName, KernelOutputs } from "./kernels.ts";

/** The same structure, with tensors in the place of tensor infos. */
type Tensors<T> = { [Key in keyof T]: tf.Tensor };

export type Portable<Name extends KernelName> = (
  inputs: Tensors<KernelInputs<Name>>,
  attributes: KernelAttributes<Name>,
) => Tensors<KernelOutputs<Name>>;

/**
 * A kernel of the table as a function of tensors: the current backend's implementation where it has
 * registered one, else `portable`. The choice is made at every call, so it follows `useBackend`. Tensors
 * without elements always take `portable`, so that no kernel has to think of them.
 */
export function kernel<Name extends KernelName>(name: Name, portable: Portable<Name>): Portable<Name> {
  return (inputs, attributes) => {
    const isEmpty = (Object.values(inputs) as tf.Tensor[]).some((input) => input.size === 0);
    if (isEmpty || !hasFusedKernel(name)) return tf.tidy(() => portable(inputs, attributes) as tf.Tensor[]) as never;
    return tf.engine().runKernel(name, inputs as tf.NamedTensorMap, attributes as tf.NamedAttrMap) as never;
  };
}

/**
 * One node of the tape: `forward` runs unrecorded, so that its intermediates go when it returns;
 * what it names in `saved` (inputs or results) stays until `backward` has run.
 *
 * @param name of the op, for its errors
 * @param inputs the float32 tensors that a gradient flows to; anything else is a constant of the closures.
 * @param backward the gradients of the inputs, in their order, each a tensor of its own (a clone of dy, not dy).
 *   Uses `saved` and dy, no tensor of a closure.
 */
export function differentiable<Saved extends readonly tf.Tensor[]>(
  name: string,
  inputs: readonly tf.Tensor[],
  forward: () => { value: tf.Tensor; saved: readonly [...Saved] },
  backward: (dy: tf.Tensor, saved: readonly [...Saved]) => readonly tf.Tensor[],
): tf.Tensor {
  assertFloat32(name, inputs);
  const run = tf.customGrad((...parameters) => {
    const save = parameters.at(-1) as tf.GradSaveFunc;
    const { value, saved } = forward();
    save([...saved]);
    return {
      value,
      gradFunc: (dy, kept) => tf.tidy(() => [...backward(dy as tf.Tensor, kept as unknown as readonly [...Saved])]),
    };
  });
  return run(...inputs);
}

/** What `compute` gives, as a constant: an open tape neither records nor keeps anything of it. */
export function unrecorded<T extends tf.Tensor>(compute: () => T): T {
  return tf.customGrad(() => ({ value: compute(), gradFunc: () => [] }))() as T;
}

/** Whether a tape is open, so that a gradient may be asked for. */
export function isRecording(): boolean {
  return tf.engine().state.gradientDepth > 0;
}

/** x under another shape; x itself where it has that shape. */
export function inShape(x: tf.Tensor, shape: number[]): tf.Tensor {
  return tf.util.arraysEqual(x.shape, shape) ? x : tf.reshape(x, shape);
}

/** [..., D] as [R, D]. */
export function asRows(x: tf.Tensor): tf.Tensor2D {
  const width = x.shape.at(-1)!;
  return inShape(x, [x.size / Math.max(width, 1), width]) as tf.Tensor2D;
}

/**
 * a b for matrices (or batches of them). On wasm transposed operands are materialised first: TF.js' own product there runs at a
 * tenth of the speed with one.
 */
export function product(a: tf.Tensor, b: tf.Tensor, transposeA = false, transposeB = false): tf.Tensor {
  const inner = a.shape.at(transposeA ? -2 : -1);
  if (inner === 0) return emptyProduct(a, b, transposeA, transposeB);
  if (tf.getBackend() !== "wasm") return tf.matMul(a, b, transposeA, transposeB);
  return tf.matMul(transposeA ? swapLastAxes(a) : a, transposeB ? swapLastAxes(b) : b);
}

/** A sum of no terms is 0; wasm's product leaves whatever its memory held. */
function emptyProduct(a: tf.Tensor, b: tf.Tensor, transposeA: boolean, transposeB: boolean): tf.Tensor {
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return tf.zeros([...batch, a.shape.at(transposeA ? -1 : -2)!, b.shape.at(transposeB ? -2 : -1)!]);
}

function swapLastAxes(x: tf.Tensor): tf.Tensor {
  const axes = x.shape.map((_, i) => i);
  return tf.transpose(x, [...axes.slice(0, -2), axes.at(-1)!, axes.at(-2)!]);
}

/** Throws a TypeError when a tensor is of another dtype: a kernel would read its bits as float32. */
export function assertFloat32(name: string, tensors: readonly tf.Tensor[]): void {
  const wrong = tensors.find((tensor) => tensor.dtype !== "float32");
  if (wrong) throw new TypeError(`${name}: an input [${wrong.shape}] is ${wrong.dtype}; float32 was expected, so cast it.`);
}

/** Throws unless `condition`; for mistakes of a calling program, not of a user. */
export function assertShape(condition: boolean, message: () => string): void {
  if (!condition) throw new RangeError(message());
}
