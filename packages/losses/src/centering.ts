// Centering, one of two ways to turn teacher logits into targets that do not collapse (the other is
// `sinkhorn-knopp.ts`): subtracting a running mean keeps any one prototype from winning everywhere, a
// low temperature keeps the targets from becoming uniform. DINO and iBOT each have their own centre.
//
// R rows (class tokens, or masked patches), K prototypes.
import { fullPrecision, linear, tf } from "@dinov2/tensor";
import type { ScaledPrototypes, Tensor2D } from "@dinov2/tensor";

/**
 * Teacher probabilities: softmax of the centred, sharpened logits.
 *
 *     for r in rows: probabilities[r] = softmax((logits[r] - center) / temperature)
 *
 * @param teacherLogits [R, K]
 * @param center [1, K], the centre of the batches *before* this one (zeros at the start)
 * @param temperature 0.04 to 0.07, warmed up linearly
 * @returns [R, K], rows sum to 1, for use as constants
 *
 * Source: arXiv 2104.14294 (DINO), section 3.1 "Avoiding collapse";
 * `dinov2/loss/dino_clstoken_loss.py` and `ibot_patch_loss.py`, `softmax_center_teacher`.
 */
export function centeredSoftmax(teacherLogits: Tensor2D, center: Tensor2D, temperature: number): Tensor2D {
  return tf.tidy(() => tf.softmax(tf.div<Tensor2D>(tf.sub(teacherLogits, center), temperature)));
}

/**
 * The centre for the *next* batch: an exponential moving average of the batch means.
 *
 *     next = momentum * center + (1 - momentum) * mean over rows of logits
 *
 * A batch never sees its own mean: officially the mean is sent to the other processes while the step
 * goes on, and applied by the next call. Here the caller keeps the state:
 *
 *     targets = centeredSoftmax(logits, center, temperature)
 *     center  = updateCenter(center, logits, 0.9)        # used from the next batch on
 *
 * The official iBOT centre has shape [1, 1, K]; the numbers are the same.
 *
 * @param center [1, K]; stays the caller's, to be disposed of by it
 * @param teacherLogits [R, K], the uncentred logits; R = 0 leaves the centre as it is
 * @param momentum 0.9 in all published recipes
 * @returns [1, K], a new tensor
 */
export function updateCenter(center: Tensor2D, teacherLogits: Tensor2D, momentum: number): Tensor2D {
  if (teacherLogits.shape[0] === 0) return tf.clone(center);
  return tf.tidy(() => {
    const batchMean = tf.mean<Tensor2D>(teacherLogits, 0, true); // [1, K]
    return tf.add<Tensor2D>(tf.mul(center, momentum), tf.mul(batchMean, 1 - momentum));
  });
}

/**
 * The same from what a head's last layer reads, R rows of `width` numbers, without their logits: a mean of logits is the logit of a mean.
 *
 * @param projected [R, width], the rows before their product with the prototypes
 * @returns [1, K], a new tensor
 */
export function updateCenterFrom(
  center: Tensor2D,
  projected: Tensor2D,
  { v, scale }: ScaledPrototypes,
  momentum: number,
): Tensor2D {
  if (projected.shape[0] === 0) return tf.clone(center);
  return tf.tidy(() => {
    const mean = tf.mean<Tensor2D>(projected, 0, true); // [1, width]
    const logits = tf.mul<Tensor2D>(fullPrecision(() => linear(mean, v)), scale); // [1, K]
    return updateCenter(center, logits, momentum);
  });
}

/** The centre before the first batch: zeros [1, K]. */
export function initialCenter(prototypes: number): Tensor2D {
  return tf.zeros([1, prototypes]);
}
