// Multinomial logistic regression with a penalty on the weights, to the optimum and in float64:
//
//     min over W, b:  ½ ‖W‖² + C Σ_n cross-entropy(W x_n + b, label_n)        the biases are free
//
// Features are centred first, which moves the biases and nothing else, and the search knows the Hessian that there would be if
// every row were as uncertain as all are in the mean: some dozens of steps, where the plain method takes hundreds. What is done
// with the rows is in row-loss.ts.
// Legend: N rows, D width, K classes; M = D + 1, the last column of ones for the bias.
//
// Source: arXiv 2304.07193, section 7.1; `dinov2/eval/log_regression.py`, whose solver is a quasi-Newton method too.

import type { FeatureMatrix, LabelledFeatures } from "../feature-matrix.ts";
import { centredRows } from "./centred-rows.ts";
import { type Minimizable, minimize } from "./lbfgs.ts";
import { createMatrix64, fitted64, productWithRows, values64 } from "./products.ts";
import { createRowLoss, type GramSolver, type RowLoss } from "./row-loss.ts";

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
  /** [K, M] weights and the bias. */
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

/** Fits one set of rows for any C. Its features are on the engine, where that computes in float64, until it is disposed of. */
export class LogisticRegression implements Disposable {
  private readonly mean: Float64Array;
  private readonly rows: RowLoss;
  /** Σ of the Gram matrix's diagonal. */
  private readonly trace: number;

  constructor(
    private readonly train: LabelledFeatures,
    private readonly classCount: number,
  ) {
    this.mean = meanRow(train.features);
    this.rows = createRowLoss(train, this.mean, classCount);
    this.trace = this.rows.gramDiagonal().reduce((sum, element) => sum + element, 0);
  }

  /** The optimum for one C; searched from another's on, since close Cs have close optima. */
  fit(c: number, { from, maxIterations = OFFICIAL_ITERATIONS, tolerance = OFFICIAL_TOLERANCE }: FitOptions = {}): LogisticFit {
    const { features: { count, width } } = this.train;
    const penalty = 1 / (c * count);
    const start = from?.weights ?? new Float64Array(this.classCount * (width + 1));
    using hessian = this.hessianGuess(start, penalty);
    const { x: weights, iterations } = minimize(this.objective(penalty, hessian), start, { maxIterations, tolerance });
    return { c, iterations, model: { classCount: this.classCount, mean: this.mean, weights } };
  }

  [Symbol.dispose](): void {
    this.rows[Symbol.dispose]();
  }

  /** The objective over C N: a mean, so that its size says nothing of N. */
  private objective(penalty: number, hessian: GramSolver): Minimizable {
    const { features: { count, width: bias } } = this.train;
    return {
      evaluate: (weights, gradient) => {
        const { loss } = this.rows.evaluate(weights, gradient);
        let squares = 0;
        for (let i = 0; i < weights.length; i++) {
          gradient[i]! /= count;
          if (i % (bias + 1) === bias) continue;
          gradient[i]! += penalty * weights[i]!;
          squares += weights[i]! * weights[i]!;
        }
        return loss / count + (penalty * squares) / 2;
      },
      precondition: (gradient) => hessian.solve(gradient),
    };
  }

  /** u XᵀX / N + penalty for a class's row of the Hessian, where u is the mean eigenvalue of diag(p) - p pᵀ over all rows, at `weights`. */
  private hessianGuess(weights: Float64Array, penalty: number): GramSolver {
    const { features: { count, width } } = this.train;
    const { uncertainty } = this.rows.evaluate(weights, new Float64Array(weights.length));
    const scale = Math.max(uncertainty, Number.MIN_VALUE) / (count * Math.max(1, this.classCount - 1)) / count;
    const ridge = (RIDGE * scale * this.trace) / (width + 1);
    return this.rows.factorGram(scale, new Float64Array(width + 1).fill(penalty + ridge, 0, width).fill(ridge, width));
  }
}

function meanRow({ count, width, values }: FeatureMatrix): Float64Array {
  const mean = new Float64Array(width);
  for (let i = 0; i < values.length; i++) mean[i % width]! += values[i]! / count;
  return mean;
}

/** [N, K] the logits of rows, row-major. */
export function logisticLogits({ classCount, mean, weights }: LogisticModel, features: FeatureMatrix): Float64Array {
  const logits = createMatrix64(features.count, classCount);
  productWithRows(centredRows(features, mean), fitted64(weights, classCount, features.width + 1).values, logits);
  return values64(logits, features.count, classCount);
}
