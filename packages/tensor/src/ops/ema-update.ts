import * as tf from "@tensorflow/tfjs-core";
import { assertFloat32, assertShape, kernel } from "./op.ts";
import { ownMemory } from "./own-memory.ts";

// The portable definition writes through the variables that come as its inputs, a pair at a time.
const update = kernel("EmaUpdate", (pairs, { momentum }) => {
  for (let i = 0; i < pairs.length; i += 2) {
    const [teacher, student] = [pairs[i] as tf.Variable, pairs[i + 1]!];
    tf.tidy(() => teacher.assign(tf.add(tf.mul(teacher, momentum), tf.mul(student, 1 - momentum))));
  }
  return [];
});

/**
 * teacher = momentum * teacher + (1 - momentum) * student for each pair, in place
 * (the exponential moving average of arXiv 2304.07193 section 4).
 */
export function emaUpdate(teacher: readonly tf.Variable[], student: readonly tf.Tensor[], momentum: number): void {
  const fits = (variable: tf.Variable, i: number) => tf.util.arraysEqual(variable.shape, student[i]?.shape ?? [NaN]);
  assertShape(teacher.length === student.length && teacher.every(fits), () =>
    "emaUpdate: teacher and student must be as many, each pair of one shape.");
  assertFloat32("emaUpdate", [...teacher, ...student]);
  if (teacher.length === 0) return;
  ownMemory("EmaUpdate", teacher);
  update(teacher.flatMap((variable, i) => [variable, student[i]!]), { momentum });
}
