// The same in TypeScript, for engines without float64. Features are widened once. Legend: row-loss.ts.

import type { LabelledFeatures } from "../feature-matrix.ts";
import { centredRows } from "./centred-rows.ts";
import { choleskyInPlace, solveCholesky } from "./cholesky.ts";
import { addProductOfColumns, createMatrix64, fitted64, type Matrix64, productWithRows, values64 } from "./products.ts";
import type { GramSolver, LossSums, RowLoss } from "./row-loss.ts";

export class PortableRowLoss implements RowLoss {
  /** [N, M] */
  private readonly x: Matrix64;
  private readonly labels: Int32Array;
  /** M */
  private readonly columns: number;
  /** The lower triangle of XᵀX, as wide as `x`. */
  private readonly gram: Float64Array;
  /** [N, K] softmax - one-hot, of the weights last looked at. */
  private readonly errors: Matrix64;

  constructor(
    { features, labels }: LabelledFeatures,
    mean: Float64Array,
    private readonly classCount: number,
  ) {
    [this.x, this.labels, this.columns] = [centredRows(features, mean), labels, features.width + 1];
    this.gram = new Float64Array(this.x.columns ** 2);
    addProductOfColumns(this.x, this.x, this.gram, (row) => row + 2);
    this.errors = createMatrix64(features.count, classCount);
  }

  evaluate(weights: Float64Array, gradient: Float64Array): LossSums {
    const { x, errors, labels, classCount, columns } = this;
    productWithRows(x, fitted64(weights, classCount, columns).values, errors);
    const sums = { loss: 0, uncertainty: 0 };
    for (const [row, label] of labels.entries()) softmaxError(errors.values, row * errors.columns, classCount, label, sums);
    errors.values.fill(0, labels.length * errors.columns);
    const slopes = new Float64Array(errors.columns * x.columns);
    addProductOfColumns(errors, x, slopes);
    gradient.set(values64({ rows: errors.columns, columns: x.columns, values: slopes }, classCount, columns));
    return sums;
  }

  gramDiagonal(): Float64Array {
    return Float64Array.from({ length: this.columns }, (_, i) => this.gram[i * (this.x.columns + 1)]!);
  }

  factorGram(scale: number, added: Float64Array): GramSolver {
    const { columns } = this;
    const lower = new Float64Array(columns * columns);
    for (let i = 0; i < columns; i++) {
      for (let j = 0; j <= i; j++) lower[i * columns + j] = scale * this.gram[i * this.x.columns + j]!;
      lower[i * columns + i]! += added[i]!;
    }
    choleskyInPlace(lower, columns);
    return {
      solve: (vectors) => {
        for (let i = 0; i < vectors.length; i += columns) solveCholesky(lower, columns, vectors.subarray(i, i + columns));
      },
      [Symbol.dispose]: () => {},
    };
  }

  [Symbol.dispose](): void {}
}

/** Replaces K logits from `start` on by softmax - one-hot. */
function softmaxError(values: Float64Array, start: number, classCount: number, label: number, sums: { -readonly [Sum in keyof LossSums]: number }): void {
  let largest = -Infinity;
  for (let k = start; k < start + classCount; k++) largest = Math.max(largest, values[k]!);
  const own = values[start + label]!;
  let sum = 0;
  for (let k = start; k < start + classCount; k++) sum += values[k] = Math.exp(values[k]! - largest);
  let squares = 0;
  for (let k = start; k < start + classCount; k++) {
    values[k]! /= sum;
    squares += values[k]! * values[k]!;
  }
  values[start + label]! -= 1;
  sums.loss += Math.log(sum) + largest - own;
  sums.uncertainty += 1 - squares;
}
