// The losses as loops over plain numbers in float64, written from the pseudo-code of the formulas: what the
// tests hold the dense expressions against. Not part of the front door.
import type { RandomStream } from "@dinov2/tensor";

/** Rows of numbers. */
export type Rows = readonly (readonly number[])[];

export const randomRows = (random: RandomStream, rows: number, columns: number, scale = 1): number[][] =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, () => scale * random.normal()));

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

export function softmax(logits: readonly number[]): number[] {
  const largest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - largest));
  return powers.map((power) => power / sum(powers));
}

/** −Σ_k teacher_k log softmax(student / temperature)_k of one row. */
export function crossEntropy(student: readonly number[], teacher: readonly number[], temperature: number): number {
  const probabilities = softmax(student.map((logit) => logit / temperature));
  return -sum(teacher.map((t, k) => t * Math.log(probabilities[k]!)));
}

export function dinoDefinition(students: readonly Rows[], teachers: readonly Rows[], temperature: number): number {
  let loss = 0;
  for (const student of students) {
    for (const teacher of teachers) {
      for (const [b, row] of student.entries()) loss += crossEntropy(row, teacher[b]!, temperature) / student.length;
    }
  }
  return loss;
}

export function koleoDefinition(features: Rows, epsilon: number): number {
  const unit = features.map((row) => {
    const norm = Math.max(Math.sqrt(sum(row.map((value) => value * value))), epsilon);
    return row.map((value) => value / norm);
  });
  const logDistances = unit.map((row, i) => {
    let nearest = -1;
    let best = -Infinity;
    for (const [j, other] of unit.entries()) {
      const similarity = sum(row.map((value, d) => value * other[d]!));
      if (j !== i && similarity > best) [nearest, best] = [j, similarity];
    }
    const squares = row.map((value, d) => (value - unit[nearest]![d]! + epsilon) ** 2);
    return Math.log(Math.sqrt(sum(squares)) + epsilon);
  });
  return -sum(logDistances) / features.length;
}

export function sinkhornDefinition(logits: Rows, temperature: number, iterations: number): number[][] {
  const rows = logits.length;
  const prototypes = logits[0]!.length;
  let q = logits.map((row) => row.map((logit) => Math.exp(logit / temperature)));
  const total = sum(q.map(sum));
  q = q.map((row) => row.map((value) => value / total));
  for (let i = 0; i < iterations; i++) {
    const shares = q[0]!.map((_, k) => sum(q.map((row) => row[k]!)));
    q = q.map((row) => row.map((value, k) => value / shares[k]! / prototypes));
    q = q.map((row) => row.map((value) => value / sum(row) / rows));
  }
  return q.map((row) => row.map((value) => value * rows));
}

/** Central differences of a float64 function, one number at a time. */
export function finiteDifferences(f: (x: Rows) => number, at: Rows, step = 1e-5): number[][] {
  const moved = (i: number, j: number, by: number) =>
    at.map((row, r) => (r === i ? row.map((value, c) => (c === j ? value + by : value)) : row));
  return at.map((row, i) => row.map((_, j) => (f(moved(i, j, step)) - f(moved(i, j, -step))) / (2 * step)));
}

/** The largest absolute difference between a tensor's values and rows. */
export function largestDifference(values: ArrayLike<number>, rows: Rows): number {
  const expected = rows.flat();
  if (values.length !== expected.length) return Infinity;
  return Math.max(0, ...expected.map((value, i) => Math.abs(value - values[i]!)));
}
