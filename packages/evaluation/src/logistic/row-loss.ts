// What the search for logistic regression's optimum asks of the data, all in float64: on the engine where it can, else in
// TypeScript. Legend: N rows, D width, K classes; M = D + 1, the last column one of ones, for the bias.

import { hasFusedKernel } from "@dinov2/tensor";
import type { LabelledFeatures } from "../feature-matrix.ts";
import { EngineRowLoss } from "./engine-row-loss.ts";
import { PortableRowLoss } from "./portable-row-loss.ts";

export interface LossSums {
  /** Σ_n cross-entropy. */
  readonly loss: number;
  /** Σ_n 1 - Σ_k p²: 0 when each row is certain of its class. */
  readonly uncertainty: number;
}

/** The loss of rows less their mean as a function of the weights [K, M], and a guess of its Hessian. Holds memory until it is disposed of. */
export interface RowLoss extends Disposable {
  /** Writes the gradient [K, M] of the loss. */
  evaluate(weights: Float64Array, gradient: Float64Array): LossSums;
  /** [M] of XᵀX, the rows' Gram matrix. */
  gramDiagonal(): Float64Array;
  /** To solve with scale XᵀX + diag(added). @throws when that is not positive definite */
  factorGram(scale: number, added: Float64Array): GramSolver;
}

export interface GramSolver extends Disposable {
  /** Replaces each row of `vectors` [K, M] by the solution with it on the right side. */
  solve(vectors: Float64Array): void;
}

/** @param mean [D] what is subtracted from every row */
export function createRowLoss(train: LabelledFeatures, mean: Float64Array, classCount: number): RowLoss {
  return hasFusedKernel("SoftmaxRegression") ? new EngineRowLoss(train, mean) : new PortableRowLoss(train, mean, classCount);
}
