// What a segmentation head learns from. Legend: B images, h × w patches, H × W pixels, K classes.

import { checkpoint, tf } from "@dinov2/tensor";
import { resizeBilinear } from "../dense/bilinear-resize.ts";

/**
 * The cross-entropy of logits, enlarged to the pixels, summed over the pixels that count and divided by all: ignored ones make
 * the loss smaller, as in mmsegmentation unless `avg_non_ignore` is on.
 *
 * An image's pixels have K numbers each, so one image is enlarged at a time, and again on the way back.
 *
 * @param logits [B, h, w, K]
 * @param labels int32 [B, H, W]; what is no class does not count
 */
export function pixelCrossEntropy(logits: tf.Tensor4D, labels: tf.Tensor3D): tf.Scalar {
  const [, height, width] = labels.shape;
  return tf.tidy(() => {
    const sums = tf.split(logits, logits.shape[0], 0).map((ofImage, i) =>
      checkpoint((image) => tf.tidy(() => summedCrossEntropy(resizeBilinear(image, [height, width]), labelsOf(labels, i))), [ofImage] as [tf.Tensor4D], []));
    return tf.div(tf.addN(sums), labels.size) as tf.Scalar;
  });
}

const labelsOf = (labels: tf.Tensor3D, image: number): tf.Tensor1D => {
  const [, height, width] = labels.shape;
  return tf.reshape(tf.slice3d(labels, [image, 0, 0], [1, height, width]), [-1]);
};

/** Over the pixels of one image: logits [1, H, W, K], labels [H W]. */
function summedCrossEntropy(logits: tf.Tensor4D, labels: tf.Tensor1D): tf.Scalar {
  const classCount = logits.shape[3];
  const logShares = tf.logSoftmax(tf.reshape(logits, [-1, classCount]));
  // Whole numbers first: on wasm tf.oneHot fills a float tensor with the bits of whole numbers. Of no class, a row of zeros.
  const chosen = tf.cast(tf.oneHot(labels, classCount, 1, 0, "int32"), "float32");
  return tf.neg(tf.sum(tf.mul(logShares, chosen))) as tf.Scalar;
}
