// The image-level and the patch-level objective at once, as training computes them: both compare rows of the student with rows of
// the teacher over the same prototypes, so they share one pass over these, which never holds more than a part of the logits.
// `dinoLoss` and `ibotLoss` define the same numbers for logits that are there as a whole.
//
// K prototypes, P pairs of a student's row and the teacher's rows that it should agree with.
import { fullPrecision, gatherRows, prototypeLoss, tf } from "@dinov2/tensor";
import type { PrototypeLoss, Prototypes, Tensor1D, Tensor2D } from "@dinov2/tensor";

/** A row of the student, and the rows of the teacher that it should agree with: its loss is the sum over them. */
export interface RowPair {
  readonly student: number;
  readonly teacher: readonly number[];
}

/** The teacher's probabilities [n, K] of n of its rows, made when they are asked for; the caller disposes of them. */
export type TargetProbabilities = (rows: Int32Array) => Tensor2D;

/**
 * The weighted sum of cross-entropies over pairs.
 *
 *     for p in pairs:
 *       for t in p.teacher:
 *         losses[p] -= weights[p] * sum_k probabilities[t, k] * log_softmax(logits[p.student] / temperature)[k]
 *     total = sum(losses)
 *
 * DINO's pairs are each local crop with both global ones and each global crop with the other one, iBOT's each hidden patch with itself.
 *
 * @param student projected rows, whose products with the prototypes are the logits
 * @param weights [P]
 * @param teacher asked for each row about once, a few rows at a time, in ascending order
 * @returns the total, and the losses [P] of the pairs for a log
 */
export function pairedRowsLoss(
  student: Tensor2D,
  prototypes: Prototypes,
  pairs: readonly RowPair[],
  weights: Tensor1D,
  teacher: TargetProbabilities,
  temperature: number,
): PrototypeLoss {
  // By their targets, so that pairs with the same ones come together and these are made once.
  const order = Int32Array.from(pairs.keys()).sort((a, b) => Math.min(...pairs[a]!.teacher) - Math.min(...pairs[b]!.teacher) || a - b);
  const rows = order.map((pair) => pairs[pair]!.student);
  return tf.tidy(() => {
    const targets = (begin: number, end: number) =>
      targetsOf(Array.from(order.subarray(begin, end), (pair) => pairs[pair]!.teacher), teacher);
    const ordered = gatherRows(weights, order) as Tensor1D;
    const { total, losses } = prototypeLoss(gatherRows(student, rows) as Tensor2D, prototypes, targets, ordered, temperature);
    const places = new Int32Array(order.length);
    order.forEach((pair, place) => (places[pair] = place));
    return { total, losses: gatherRows(losses, places) as Tensor1D };
  });
}

/** For each of some pairs, the sum of the probabilities of its teacher's rows. */
function targetsOf(pairs: readonly (readonly number[])[], teacher: TargetProbabilities): Tensor2D {
  const rows = Int32Array.from(new Set(pairs.flat())).sort();
  return tf.tidy(() => {
    const probabilities = teacher(rows);
    if (pairs.length === rows.length && pairs.every((of, i) => of.length === 1 && of[0] === rows[i])) return probabilities;
    const places = new Map([...rows].map((row, place) => [row, place]));
    const selection = new Float32Array(pairs.length * rows.length);
    pairs.forEach((of, i) => of.forEach((row) => (selection[i * rows.length + places.get(row)!]! += 1)));
    const chosen = tf.tensor2d(selection, [pairs.length, rows.length]);
    return fullPrecision(() => tf.matMul(chosen, probabilities));
  });
}
