import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, differentiable, kernel } from "./op.ts";

const column = (x: tf.Tensor) => tf.reshape(x, [-1, 1]);

export const crossEntropyForward = kernel("PrototypeCrossEntropy", ({ student, teacher }, { temperature }) => {
  const largest = tf.div(tf.max(student, 1, true), temperature);
  const shifted = tf.sub(tf.mul(student, 1 / temperature), largest); // [R, K], at most 0
  const logSum = tf.log(tf.sum(tf.exp(shifted), 1));
  const mass = tf.sum(teacher, 1);
  const loss = tf.sub(tf.mul(mass, logSum), tf.sum(tf.mul(teacher, shifted), 1));
  return [loss, tf.add(logSum, tf.reshape(largest, [-1])), mass];
});

export const crossEntropyBackward = kernel(
  "PrototypeCrossEntropyGrad",
  ({ dy, student, teacher, logSumExp, mass }, { temperature }) => {
    const probabilities = tf.exp(tf.sub(tf.mul(student, 1 / temperature), column(logSumExp)));
    const difference = tf.sub(tf.mul(probabilities, column(mass)), teacher);
    return [tf.mul(difference, tf.mul(column(dy), 1 / temperature))];
  },
);

/**
 * Cross-entropy of the student's logits against the teacher's probabilities, per row:
 * -Σ_k teacher_k log softmax(student / temperature)_k (arXiv 2304.07193 section 4).
 * A teacher row need not sum to 1: the sum of two teachers' rows gives the sum of both losses.
 * Saves its inputs and two numbers a row, never a softmax of K columns.
 *
 * @param studentLogits [R, K]
 * @param teacherProbabilities [R, K], a constant: no gradient flows to it
 * @returns [R]
 */
export function prototypeCrossEntropy(
  studentLogits: tf.Tensor2D,
  teacherProbabilities: tf.Tensor2D,
  studentTemperature: number,
): tf.Tensor1D {
  assertShape(tf.util.arraysEqual(studentLogits.shape, teacherProbabilities.shape), () =>
    `prototypeCrossEntropy: student [${studentLogits.shape}] and teacher [${teacherProbabilities.shape}] differ.`);
  assertFloat32("prototypeCrossEntropy", [teacherProbabilities]);
  const attributes = { temperature: studentTemperature };
  return differentiable(
    "prototypeCrossEntropy",
    [studentLogits],
    () => {
      const inputs = { student: studentLogits, teacher: teacherProbabilities };
      const [loss, logSumExp, mass] = crossEntropyForward(inputs, attributes);
      return { value: loss, saved: [studentLogits, teacherProbabilities, logSumExp, mass] };
    },
    (dy, [student, teacher, logSumExp, mass]) => [
      crossEntropyBackward({ dy, student, teacher, logSumExp, mass }, attributes)[0],
    ],
  ) as tf.Tensor1D;
}
