import * as tf from "@tensorflow/tfjs-core";
import { scatterRows } from "../ops/rows.ts";
import { registerShapeGradient } from "./tape.ts";

/** Registers the gradient of an op with one input, of which it needs the shape alone. */
function register(
  kernelName: string,
  input: string,
  dx: (dy: tf.Tensor, shape: number[], attributes: tf.NamedAttrMap) => tf.Tensor,
): void {
  registerShapeGradient(kernelName, [input], (dy, [shape], attributes) => ({ [input]: () => dx(dy, shape!, attributes) }));
}

/** [before, after] of each axis so that a slice of `size` from `begin` lies where it was taken. */
function paddingOf(shape: readonly number[], begin: readonly number[], size: readonly number[]): [number, number][] {
  return shape.map((total, axis) => [begin[axis]!, total - begin[axis]! - size[axis]!]);
}

/** The repeats of each axis in an axis of their own, so that one sum folds them. */
function untile(dy: tf.Tensor, shape: readonly number[], reps: readonly number[]): tf.Tensor {
  const split = tf.reshape(dy, shape.flatMap((size, axis) => [reps[axis]!, size]));
  return tf.sum(split, shape.map((_, axis) => 2 * axis));
}

function registerSingleInputs(): void {
  register("Reshape", "x", (dy, shape) => tf.reshape(dy, shape));
  register("ExpandDims", "input", (dy, shape) => tf.reshape(dy, shape));
  register("Slice", "x", (dy, shape, { begin }) => {
    const starts = [begin as number | number[]].flat();
    return tf.pad(dy, paddingOf(shape, shape.map((_, axis) => starts[axis] ?? 0), dy.shape));
  });
  register("PadV2", "x", (dy, shape, { paddings }) => tf.slice(dy, (paddings as number[][]).map(([before]) => before!), shape));
  register("Tile", "x", (dy, shape, { reps }) => untile(dy, shape, reps as number[]));
  register("Reverse", "x", (dy, _shape, { dims }) => tf.reverse(dy, dims as number[]));
  tf.registerGradient({
    kernelName: "Transpose",
    gradFunc: (dy, _saved, { perm }) => ({
      x: () => tf.transpose(dy as tf.Tensor, tf.backend_util.getUndoAxesPermutation(perm as number[])),
    }),
  });
}

function registerJoins(): void {
  registerShapeGradient("Concat", "all", (dy, shapes, { axis }) => {
    const along = tf.util.parseAxisParam(axis as number, shapes[0]!)[0]!;
    const parts = tf.split(dy, shapes.map((shape) => shape[along]!), along);
    return Object.fromEntries(parts.map((part, i) => [i, () => part]));
  });
  registerShapeGradient("Pack", "all", (dy, _shapes, { axis }) =>
    Object.fromEntries(tf.unstack(dy, axis as number).map((part, i) => [i, () => part])));
  tf.registerGradient({
    kernelName: "SplitV",
    gradFunc: (dys, _saved, { axis }) => ({ x: () => tf.concat([dys].flat(), axis as number) }),
  });
  tf.registerGradient({
    kernelName: "Unpack",
    gradFunc: (dys, _saved, { axis }) => ({ value: () => tf.stack([dys].flat(), axis as number) }),
  });
}

/** Adds up rows after moving the gathered axis to the front: TF.js' own needs a kernel that wasm lacks. */
function scatterAlong(dy: tf.Tensor, shape: readonly number[], indices: tf.Tensor, axis: number): tf.Tensor {
  const others = shape.filter((_, i) => i !== axis);
  const toFront = [axis, ...shape.keys()].filter((i, at) => at === 0 || i !== axis);
  const rows = tf.reshape(tf.transpose(dy, toFront), [indices.size, others.reduce((a, b) => a * b, 1)]);
  const sums = scatterRows(rows, indices.dataSync() as Int32Array, shape[axis]!);
  const moved = tf.reshape(sums, [shape[axis]!, ...others]);
  return tf.transpose(moved, tf.backend_util.getUndoAxesPermutation(toFront));
}

function registerGather(): void {
  tf.registerGradient({
    kernelName: "GatherV2",
    inputsToSave: ["x", "indices"],
    gradFunc: (dy, [x, indices], attributes) => {
      const { axis, batchDims } = attributes as unknown as { axis: number; batchDims: number };
      if (batchDims > 0) throw new RangeError("The gradient of tf.gather with batch dimensions is not there; reshape.");
      const [along] = tf.util.parseAxisParam(axis, x!.shape) as [number];
      const flat = () => {
        const shape = [...x!.shape];
        shape.splice(along, 1, indices!.size);
        return tf.reshape(dy as tf.Tensor, shape);
      };
      return { x: () => scatterAlong(flat(), x!.shape, indices!, along), indices: () => tf.zeros(indices!.shape) };
    },
  });
}

export function registerShapeMoves(): void {
  registerSingleInputs();
  registerJoins();
  registerGather();
}
