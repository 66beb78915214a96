// Multinomial logistic regression with a penalty on the weights, to the optimum and in float64:
//
//     min over W, b:  ½ ‖W‖² + C Σ_n cross-entropy(W x_n + b, label_n)        the biases are free
//
// Features are centred first, which moves the biases and nothing else, and the search knows the Hessian that there would be if
// every row were as uncertain as all are in the mean: some dozens of steps, where the plain method takes hundreds.
// Legend: N rows, D width, K classes; M = D + 1, the last column of ones for the bias.
//
// Source: arXiv 2304.07193, section 7.1; `dinov2/eval/log_regression.py`, whose solver is a quasi-Newton method too.

import type { FeatureMatrix, LabelledFeatures } from "../feature-matrix.ts";
import { choleskyInPlace, solveCholesky } from "./cholesky.ts";
import { type Minimizable, minimize } from "./lbfgs.ts";
import { addProductOfColumns, createMatrix64, type Matrix64, productWithRows } from "./products.ts";

/** What Cs are tried: 10^(-6 + 11 i / 44), 45 of them. */
export const OFFICIAL_CS: readonly number[] = Array.from({ length: 45 }, (_, i) => 10 ** (-6 + (11 * i) / 44));

export const OFFICIAL_ITERATIONS = 1000;
/** Of the objective, as a share: probabilities are then right to about its root. */
export const OFFICIAL_TOLERANCE = 1e-12;

/** What is added to the guess of the Hessian's diagonal, as a share of the mean: columns may depend on each other. */
const RIDGE = 1e-12;

/** A fitted classifier. */
export interface LogisticModel {
  readonly classCount: number;
  /** [D] subtracted from features first. */
  readonly mean: Float64Array;
  /** [K, M] with M even: weights, the bias, and perhaps a zero. */
  readonly weights: Float64Array;
}

export interface LogisticFit {
  readonly c: number;
  readonly iterations: number;
  readonly model: LogisticModel;
}

export interface FitOptions {
  readonly from?: LogisticModel | undefined;
  readonly maxIterations?: number;
  readonly tolerance?: number;
}

export class LogisticRegression {
  private readonly x: Matrix64;
  /** [M, M] XᵀX, of which the lower triangle is there. */
  private readonly gram: Float64Array;
  private readonly mean: Float64Array;
  /** [N, K] softmax - one-hot, of the weights last looked at. */
  private readonly errors: Matrix64;

  constructor(
    private readonly train: LabelledFeatures,
    private readonly classCount: number,
  ) {
    this.mean = meanRow(train.features);
    this.x = centred(train.features, this.mean);
    this.gram = new Float64Array(this.x.columns ** 2);
    addProductOfColumns(this.x, this.x, this.gram, (row) => row + 2);
    this.errors = createMatrix64(train.features.count, classCount);
  }

  /** The optimum for one C; searched from another's on, since close Cs have close optima. */
  fit(c: number, { from, maxIterations = OFFICIAL_ITERATIONS, tolerance = OFFICIAL_TOLERANCE }: FitOptions = {}): LogisticFit {
    const start = from?.weights ?? new Float64Array(this.errors.columns * this.x.columns);
    const { x: weights, iterations } = minimize(this.objective(c, start), start, { maxIterations, tolerance });
    return { c, iterations, model: { classCount: this.classCount, mean: this.mean, weights } };
  }

  /** The objective over C N: a mean, so that its size says nothing of N. */
  private objective(c: number, start: Float64Array): Minimizable {
    const [width, count] = [this.x.columns, this.train.features.count];
    const penalty = 1 / (c * count);
    const bias = this.train.features.width;
    const hessian = this.hessianGuess(start, penalty);
    return {
      evaluate: (weights, gradient) => {
        const loss = this.computeErrors(weights);
        addProductOfColumns(this.errors, this.x, gradient);
        let squares = 0;
        for (let i = 0; i < weights.length; i++) {
          gradient[i]! /= count;
          if (i % width === bias) continue;
          gradient[i]! += penalty * weights[i]!;
          squares += weights[i]! * weights[i]!;
        }
        return loss / count + (penalty * squares) / 2;
      },
      precondition: (gradient) => {
        for (let i = 0; i < gradient.length; i += width) solveCholesky(hessian, width, gradient.subarray(i, i + width));
      },
    };
  }

  /** Makes `errors` softmax - one-hot, [N, K]; gives the sum of cross-entropies. */
  private computeErrors(weights: Float64Array): number {
    const { errors, train: { labels } } = this;
    productWithRows(this.x, weights, errors);
    let loss = 0;
    for (let row = 0; row < labels.length; row++) loss += softmaxError(errors.values, row * errors.columns, this.classCount, labels[row]!);
    errors.values.fill(0, labels.length * errors.columns);
    return loss;
  }

  /** XᵀX u / N + penalty as a Cholesky factor, [M, M], for a class's row of the Hessian; u is the rows' mean uncertainty at `weights`. */
  private hessianGuess(weights: Float64Array, penalty: number): Float64Array {
    const width = this.x.columns;
    const share = this.meanUncertainty(weights) / this.train.features.count;
    const hessian = this.gram.map((element) => element * share);
    let trace = 0;
    for (let i = 0; i < width; i++) trace += hessian[i * width + i]!;
    for (let i = 0; i < width; i++) hessian[i * width + i]! += (i === this.train.features.width ? 0 : penalty) + (RIDGE * trace) / width;
    choleskyInPlace(hessian, width);
    return hessian;
  }

  /** The mean eigenvalue of diag(p) - p pᵀ over all rows: 0 when each is certain of its class. */
  private meanUncertainty(weights: Float64Array): number {
    this.computeErrors(weights);
    const { errors: { values, columns }, train: { labels }, classCount } = this;
    // In terms of e = p - one-hot, 1 - Σ p² is -(Σ e² + 2 e_label).
    let total = 0;
    for (const element of values) total -= element * element;
    for (const [row, label] of labels.entries()) total -= 2 * values[row * columns + label]!;
    return Math.max(total, Number.MIN_VALUE) / (labels.length * Math.max(1, classCount - 1));
  }
}

/** Replaces K logits from `start` on by softmax - one-hot; gives the cross-entropy. */
function softmaxError(values: Float64Array, start: number, classCount: number, label: number): number {
  let largest = -Infinity;
  for (let k = start; k < start + classCount; k++) largest = Math.max(largest, values[k]!);
  const own = values[start + label]!;
  let sum = 0;
  for (let k = start; k < start + classCount; k++) sum += values[k] = Math.exp(values[k]! - largest);
  for (let k = start; k < start + classCount; k++) values[k]! /= sum;
  values[start + label]! -= 1;
  return Math.log(sum) + largest - own;
}

function meanRow({ count, width, values }: FeatureMatrix): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / count;
  return mean;
}

/** Rows minus `mean`, and a column of ones. */
function centred({ count, width, values }: FeatureMatrix, mean: Float64Array): Matrix64 {
  const x = createMatrix64(count, width + 1);
  for (let row = 0; row < count; row++) {
    const start = row * x.columns;
    for (let d = 0; d < width; d++) x.values[start + d] = values[row * width + d]! - mean[d]!;
    x.values[start + width] = 1;
  }
  return x;
}

/** [N, K] the logits of rows, row-major. */
export function logisticLogits({ classCount, mean, weights }: LogisticModel, features: FeatureMatrix): Float64Array {
  const x = centred(features, mean);
  const full = createMatrix64(features.count, classCount);
  productWithRows(x, weights, full);
  if (full.columns === classCount) return full.values.subarray(0, features.count * classCount);
  return Float64Array.from({ length: features.count * classCount }, (_, i) => full.values[Math.floor(i / classCount) * full.columns + (i % classCount)]!);
}
