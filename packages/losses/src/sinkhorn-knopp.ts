// Sinkhorn-Knopp, one of two ways to turn teacher logits into targets that do not collapse (the other
// is `centering.ts`): assign the rows of a batch to prototypes so that every prototype is used equally.
// It keeps no state between batches. The dense form runs in `@dinov2/tensor`, where a backend may fuse it.
//
// R rows (class tokens of both global crops, or masked patches), K prototypes.
import * as tensor from "@dinov2/tensor";
import type { Tensor2D } from "@dinov2/tensor";

/**
 * Teacher probabilities by Sinkhorn-Knopp: exp(logits / temperature), scaled by turns until each
 * prototype has an equal share of the rows and each row sums to 1.
 *
 *     q = exp(logits / temperature); q /= sum(q)
 *     repeat iterations times:
 *       for k in prototypes: q[:, k] /= sum(q[:, k]) * K               # equal shares, 1/K each
 *       for r in rows:       q[r, :] /= sum(q[r, :]) * R               # one row, 1/R each
 *     probabilities = q * R                                            # rows sum to 1
 *
 * The last scaling is that of the rows, so the rows sum to 1 exactly and the prototypes' shares are
 * equal only nearly. Both global crops go in together; each call balances over the rows it is given.
 *
 * @param teacherLogits [R, K]; with several processes R counts the rows of all of them
 * @param temperature 0.04 to 0.07, warmed up linearly
 * @param iterations 3 in all published recipes
 * @returns [R, K], for use as constants: no gradient
 *
 * Source: arXiv 2304.07193, section 4 "Sinkhorn-Knopp centering"; arXiv 2006.09882 (SwAV), section 3.1;
 * `dinov2/loss/dino_clstoken_loss.py` and `ibot_patch_loss.py`, `sinkhorn_knopp_teacher`.
 */
export function sinkhornKnopp(teacherLogits: Tensor2D, temperature: number, iterations = 3): Tensor2D {
  return tensor.sinkhornKnopp(teacherLogits, temperature, iterations);
}
