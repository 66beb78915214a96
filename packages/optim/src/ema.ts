// The teacher: an exponential moving average of the student's weights.
import { emaUpdate } from "@dinov2/tensor";
import type { Variable } from "@dinov2/tensor";
import type { Parameters } from "./state.ts";

/**
 * In place, for every parameter of the teacher: teacher = momentum · teacher + (1 − momentum) · student.
 * Comes after the optimiser's step. Parameters are matched by name; the student may have more.
 *
 * Source: arXiv 2304.07193, section 4; `dinov2/train/ssl_meta_arch.py`, `update_teacher`.
 */
export function updateTeacher(teacher: Parameters, student: Parameters, momentum: number): void {
  const teacherVariables: Variable[] = [];
  const studentVariables: Variable[] = [];
  for (const [name, variable] of teacher) {
    const source = student.get(name);
    if (!source) throw new Error(`The teacher's parameter "${name}" is not among the student's.`);
    teacherVariables.push(variable);
    studentVariables.push(source);
  }
  emaUpdate(teacherVariables, studentVariables, momentum);
}
