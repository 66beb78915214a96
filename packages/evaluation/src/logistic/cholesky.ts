// A symmetric positive definite matrix as L Lᵀ, to solve with.

/**
 * Replaces the lower triangle of `matrix` [size, size] by L. The rest is not read.
 * @throws RangeError when the matrix is not positive definite
 */
export function choleskyInPlace(matrix: Float64Array, size: number): void {
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      const rest = matrix[i * size + j]! - dot(matrix, i * size, j * size, j);
      if (j < i) matrix[i * size + j] = rest / matrix[j * size + j]!;
      else if (rest > 0) matrix[i * size + i] = Math.sqrt(rest);
      else throw new RangeError(`Row ${i} makes the matrix not positive definite.`);
    }
  }
}

function dot(values: Float64Array, a: number, b: number, length: number): number {
  let [even, odd] = [0, 0];
  let i = 0;
  for (; i + 1 < length; i += 2) {
    even += values[a + i]! * values[b + i]!;
    odd += values[a + i + 1]! * values[b + i + 1]!;
  }
  return even + odd + (i < length ? values[a + i]! * values[b + i]! : 0);
}

/** Replaces `x` [size] by the solution of L Lᵀ y = x. */
export function solveCholesky(lower: Float64Array, size: number, x: Float64Array): void {
  for (let i = 0; i < size; i++) {
    let rest = x[i]!;
    for (let j = 0; j < i; j++) rest -= lower[i * size + j]! * x[j]!;
    x[i] = rest / lower[i * size + i]!;
  }
  for (let i = size - 1; i >= 0; i--) {
    const value = (x[i]! /= lower[i * size + i]!);
    for (let j = 0; j < i; j++) x[j]! -= lower[i * size + j]! * value;
  }
}
