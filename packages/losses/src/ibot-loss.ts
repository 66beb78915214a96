// The patch-level objective: at the patches hidden from the student, its prediction should agree with
// what the teacher sees there. The teacher's logits become targets as for DINO (`sinkhorn-knopp.ts` or
// `centering.ts`), over the masked patches only.
//
// B crops (all global crops, masked or not), N patches of a crop, M masked patches of all crops,
// K prototypes.
import { prototypeCrossEntropy, tf } from "@dinov2/tensor";
import type { Tensor1D, Tensor2D, Tensor3D } from "@dinov2/tensor";

/**
 * iBOT loss over the masked patches alone: what pretraining uses, since the head then runs on M rows
 * and not on B · N.
 *
 *     loss = 0
 *     for i in maskedPatches:                          # M rows, crop by crop
 *       loss -= weight[i] * sum_k t[i, k] * log_softmax(s[i] / studentTemperature)[k]
 *     loss /= cropCount
 *
 * With weight = 1 / (masked patches of the row's crop) each crop's loss is the mean over its masked
 * patches. The divisor counts all B crops: those without a mask add zero, they do not drop out. So
 * when half of the crops are masked, the loss starts near ½ · ln K.
 *
 * @param studentLogits [M, K], before the temperature
 * @param teacherProbabilities [M, K]; no gradient flows to them
 * @param maskWeights [M], see `maskedPatchWeights`
 * @param cropCount B, the global crops of all images, masked or not
 * @param studentTemperature 0.1 in all published recipes
 *
 * Source: arXiv 2304.07193, section 4 "Patch-level objective", L_iBOT = −Σ_i p_ti log p_si;
 * `dinov2/loss/ibot_patch_loss.py`, `iBOTPatchLoss.forward_masked`.
 */
export function ibotLoss(
  studentLogits: Tensor2D,
  teacherProbabilities: Tensor2D,
  maskWeights: Tensor1D,
  cropCount: number,
  studentTemperature: number,
): tf.Scalar {
  return tf.tidy(() => {
    const crossEntropy = prototypeCrossEntropy(studentLogits, teacherProbabilities, studentTemperature); // [M]
    const weighted = tf.sum<tf.Scalar>(tf.mul(crossEntropy, maskWeights));
    return tf.div<tf.Scalar>(weighted, cropCount);
  });
}

/**
 * iBOT loss over whole crops, masked patches picked by `masks`: the definition that `ibotLoss` computes
 * with fewer rows. Equal to it for weights from `maskedPatchWeights`.
 *
 *     loss = 0
 *     for b in crops:
 *       masked = [n for n in patches if masks[b, n]]
 *       loss += sum(CE(s[b, n], t[b, n]) for n in masked) / max(len(masked), 1)
 *     loss /= B
 *
 * @param studentLogits [B, N, K] @param teacherProbabilities [B, N, K] @param masks [B, N], 1 or true = masked
 *
 * Source: `dinov2/loss/ibot_patch_loss.py`, `iBOTPatchLoss.forward`.
 */
export function ibotLossOverCrops(
  studentLogits: Tensor3D,
  teacherProbabilities: Tensor3D,
  masks: Tensor2D,
  studentTemperature: number,
): tf.Scalar {
  return tf.tidy(() => {
    const [crops, patches, prototypes] = studentLogits.shape;
    const crossEntropy = prototypeCrossEntropy(
      tf.reshape(studentLogits, [crops * patches, prototypes]),
      tf.reshape(teacherProbabilities, [crops * patches, prototypes]),
      studentTemperature,
    ); // [B·N]
    const masked = tf.cast(masks, "float32"); // [B, N]
    const perCrop = tf.sum(tf.mul(tf.reshape(crossEntropy, [crops, patches]), masked), 1); // [B]
    return tf.mean<tf.Scalar>(tf.div(perCrop, tf.maximum(tf.sum(masked, 1), 1)));
  });
}

/**
 * The weight of each masked patch, 1 / (masked patches of its crop), in the order of the masked
 * patches: crop by crop, each in raster order. On the host, where masks are made.
 *
 * @param masks B · N flags, row-major [B, N], non-zero = masked
 * @param cropCount B
 * @returns [M]
 */
export function maskedPatchWeights(masks: ArrayLike<number>, cropCount: number): Float32Array {
  const patches = masks.length / cropCount;
  const weights: number[] = [];
  for (let crop = 0; crop < cropCount; crop++) {
    let masked = 0;
    for (let n = 0; n < patches; n++) if (masks[crop * patches + n]) masked++;
    for (let i = 0; i < masked; i++) weights.push(1 / masked);
  }
  return Float32Array.from(weights);
}
