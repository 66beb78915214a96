import * as tf from "@tensorflow/tfjs-core";
import { assertShape, differentiable, kernel } from "./op.ts";

const column = (x: tf.Tensor) => tf.reshape(x, [-1, 1]);

const forward = kernel("L2Normalize", ({ x }, { epsilon }) => {
  const norm = tf.sqrt(tf.sum(tf.square(x), 1));
  return [tf.div(x, column(tf.maximum(norm, epsilon))), norm];
});

const backward = kernel("L2NormalizeGrad", ({ dy, y, norm }, { epsilon }) => {
  const along = tf.mul(y, tf.sum(tf.mul(dy, y), 1, true));
  const free = column(tf.cast(tf.greaterEqual(norm, epsilon), "float32"));
  return [tf.div(tf.sub(dy, tf.mul(along, free)), column(tf.maximum(norm, epsilon)))];
});

/**
 * x / max(||x||_2, epsilon) of each row, as torch.nn.functional.normalize.
 * @param x [R, D]
 * @returns [R, D]
 */
export function l2Normalize(x: tf.Tensor2D, epsilon: number): tf.Tensor2D {
  assertShape(x.rank === 2, () => `l2Normalize: x [${x.shape}] must be [R, D].`);
  return differentiable(
    "l2Normalize",
    [x],
    () => {
      const [y, norm] = forward({ x }, { epsilon });
      return { value: y, saved: [y, norm] };
    },
    (dy, [y, norm]) => [backward({ dy, y, norm }, { epsilon })[0]],
  ) as tf.Tensor2D;
}
