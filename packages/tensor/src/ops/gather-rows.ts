import * as tf from "@tensorflow/tfjs-core";
import { differentiable, inShape, kernel } from "./op.ts";
import { assertIndices, scatterRows, takeRows } from "./rows.ts";

/** x [R, C] to [K, C]. Unrecorded use only. */
export const gatherForward = kernel("GatherRows", ({ x }, { indices }) => [takeRows(x, indices)]);
/** y[k] = scales[k] x[indices[k]]. Unrecorded use only. */
export const gatherScaled = kernel("GatherRowsScaled", ({ x }, { indices, scales }) => [
  tf.mul(gatherForward({ x }, { indices })[0], tf.tensor2d(scales, [scales.length, 1])),
]);
const backward = kernel("GatherRowsGrad", ({ dy }, { indices, rows }) => [scatterRows(dy, indices, rows)]);

/**
 * The rows `indices` of x, which may repeat. (tf.gather's own gradient needs a kernel that wasm lacks.)
 * @param x [R, ...]
 * @returns [K, ...], K indices
 */
export function gatherRows(x: tf.Tensor, indices: Int32Array): tf.Tensor {
  const [rows, ...rest] = x.shape as [number, ...number[]];
  const columns = rest.reduce((product, size) => product * size, 1);
  assertIndices("gatherRows", indices, rows);
  return differentiable(
    "gatherRows",
    [x],
    () => {
      const [y] = gatherForward({ x: inShape(x, [rows, columns]) }, { indices });
      return { value: inShape(y, [indices.length, ...rest]), saved: [] };
    },
    (dy) => {
      const [dx] = backward({ dy: inShape(dy, [indices.length, columns]) }, { indices, rows });
      return [inShape(dx, [rows, ...rest])];
    },
  );
}
