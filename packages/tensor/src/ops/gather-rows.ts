import * as tf from "@tensorflow/tfjs-core";
import { differentiable, kernel } from "./op.ts";
import { assertIndices, scatterRows, takeRows } from "./rows.ts";

/** x [R, C] to [K, C]. Unrecorded use only. */
export const gatherForward = kernel("GatherRows", ({ x }, { indices }) => [takeRows(x, indices)]);
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
      const [y] = gatherForward({ x: tf.reshape(x, [rows, columns]) }, { indices });
      return { value: tf.reshape(y, [indices.length, ...rest]), saved: [] };
    },
    (dy) => {
      const [dx] = backward({ dy: tf.reshape(dy, [indices.length, columns]) }, { indices, rows });
      return [tf.reshape(dx, [rows, ...rest])];
    },
  );
}
