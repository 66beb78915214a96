// The Kozachenko-Leonenko regulariser: pushes each image's feature away from its nearest neighbour in
// the batch, so that features spread out evenly. It sees the backbone's class token (after the final
// norm, before the head).
//
// B images (rows of one call), D width.
import { fullPrecision, gatherRows, l2Normalize, tf } from "@dinov2/tensor";
import type { Tensor2D } from "@dinov2/tensor";

/**
 * KoLeo loss: minus the mean log-distance to the nearest neighbour, on the unit sphere.
 *
 *     x = features / max(norm(features), epsilon)                      # rows
 *     for i in rows:
 *       j = argmax over j != i of dot(x[i], x[j])                      # nearest, no gradient
 *       distance[i] = norm(x[i] - x[j] + epsilon)                      # epsilon in every component
 *     loss = -mean(log(distance + epsilon))
 *
 * The gradient flows to both ends of each pair, x[i] and x[j], not through the choice of j. Two equal
 * rows stay finite: their distance is sqrt(D) · epsilon, not 0.
 *
 * With two views per image call it once per view, or the other view is everyone's nearest neighbour.
 * Fewer than two rows have no neighbour: the loss is then 0 with zero gradient (the official code takes
 * the row as its own neighbour, and its log(0) is where some single-image runs get their infinite loss).
 *
 * @param features [B, D], the rows of one view of B different images
 * @param epsilon 1e-8: the floor of the norm, of each component's difference and of the logarithm
 *
 * Source: arXiv 2304.07193, section 4 "KoLeo regularizer", L = −(1/n) Σ log d_{n,i};
 * arXiv 1806.03198 ("Spreading vectors for similarity search"); `dinov2/loss/koleo_loss.py`.
 */
export function koleoLoss(features: Tensor2D, epsilon = 1e-8): tf.Scalar {
  return tf.tidy(() => {
    // Zero times the sum, not a bare zero: a NaN stays visible and the gradient is defined.
    if (features.shape[0] < 2) return tf.mul<tf.Scalar>(tf.sum(features), 0);
    const unit = l2Normalize(features, epsilon); // [B, D]
    const neighbours = gatherRows(unit, nearestNeighbours(unit)); // [B, D]
    const difference = tf.add(tf.sub(unit, neighbours), epsilon); // [B, D]
    const distance = tf.sqrt(tf.sum(tf.square(difference), 1)); // [B]
    return tf.neg(tf.mean<tf.Scalar>(tf.log(tf.add(distance, epsilon))));
  });
}

/**
 * For each row the index of the most similar other row, the first one on a tie. No gradient.
 *
 * @param unitFeatures [B, D] of unit norm, B ≥ 2
 * @returns [B]
 */
export function nearestNeighbours(unitFeatures: Tensor2D): Int32Array {
  return tf.tidy(() => {
    const rows = unitFeatures.shape[0];
    const similarity = fullPrecision(() => tf.matMul(unitFeatures, unitFeatures, false, true)); // [B, B]
    // Below any cosine, so that a row is never its own neighbour. (The official −1 ties with an exactly
    // opposite row, and the tie may go to the row itself.)
    const withoutSelf = tf.where(tf.cast(tf.eye(rows), "bool"), tf.fill([rows, rows], -2), similarity);
    return Int32Array.from(tf.argMax(withoutSelf, 1).dataSync());
  });
}
