import * as tf from "@tensorflow/tfjs-core";
import { hasFusedKernel } from "./kernels.ts";

/**
 * sum + term, two tensors of one shape; takes both from the caller. Written over `sum` where nobody else holds its memory
 * and the backend can: the gradients of a large parameter that is used twice then take two buffers, not three.
 */
export function accumulate(sum: tf.Tensor, term: tf.Tensor): tf.Tensor {
  const inPlace = hasFusedKernel("AddInPlace") && sum.size > 0 && tf.backend().refCount(sum.dataId) === 1;
  if (inPlace) {
    tf.engine().runKernel("AddInPlace", { sum, term });
    term.dispose();
    return sum;
  }
  const total = tf.add(sum, term);
  tf.dispose([sum, term]);
  return total;
}
