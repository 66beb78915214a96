// The image-level objective: the class tokens of different views of one image should agree on their
// prototypes. This file compares; what the teacher's logits become before (Sinkhorn-Knopp or
// centering) is in `sinkhorn-knopp.ts` and `centering.ts`, and which views are compared is in training.
//
// B images (rows of one chunk), K prototypes, S student chunks, T teacher chunks.
import { prototypeCrossEntropy, tf } from "@dinov2/tensor";
import type { Tensor1D, Tensor2D } from "@dinov2/tensor";

/**
 * DINO loss: the cross-entropy of every student chunk against every teacher chunk, averaged over the
 * rows and summed over the pairs.
 *
 *     loss = 0
 *     for s in studentChunks:                          # S × [B, K], logits
 *       for t in teacherChunks:                        # T × [B, K], probabilities
 *         for b in rows:
 *           loss -= sum_k t[b, k] * log_softmax(s[b] / studentTemperature)[k] / B
 *
 * Every pair given counts, also a view with itself, so the caller chooses the pairs:
 * - local crops: student = the local crops' chunks, teacher = both global crops: 8 · 2 terms.
 * - global crops: the pairs (A, B) and (B, A) only. Stack the student's crops as one chunk [A; B] and
 *   the teacher's swapped as [B; A] (2B rows each): the mean over 2B rows is the mean of the two
 *   pairs, so it counts twice when the 18 pairs are averaged.
 *
 * @param studentChunks S logits [B, K], before the temperature
 * @param teacherChunks T probabilities [B, K]; no gradient flows to them
 * @param studentTemperature 0.1 in all published recipes
 * @returns scalar, summed over the S · T pairs, not averaged: divide by the number of pairs
 *
 * Source: arXiv 2304.07193, section 4 "Image-level objective", L_DINO = −Σ p_t log p_s;
 * `dinov2/loss/dino_clstoken_loss.py`, `DINOLoss.forward`.
 */
export function dinoLoss(
  studentChunks: readonly Tensor2D[],
  teacherChunks: readonly Tensor2D[],
  studentTemperature: number,
): tf.Scalar {
  if (studentChunks.length === 0 || teacherChunks.length === 0) return tf.scalar(0);
  return tf.tidy(() => {
    // Cross-entropy is linear in the teacher, Σ_t CE(s, t) = CE(s, Σ_t t): S passes over K instead of
    // S · T. The rows of the sum add up to T, not 1, which `prototypeCrossEntropy` allows.
    const teacherSum = tf.addN([...teacherChunks]); // [B, K]
    const perChunk = studentChunks.map((studentLogits) => {
      const crossEntropy: Tensor1D = prototypeCrossEntropy(studentLogits, teacherSum, studentTemperature); // [B]
      return tf.mean<tf.Scalar>(crossEntropy);
    });
    return tf.addN(perChunk);
  });
}
