// Features lie on the engine in float32, once; its kernels widen them as they read. Legend: row-loss.ts.

import { float64Tensor, float64Values, runFloat64, tf } from "@dinov2/tensor";
import type { LabelledFeatures } from "../feature-matrix.ts";
import type { GramSolver, LossSums, RowLoss } from "./row-loss.ts";

export class EngineRowLoss implements RowLoss {
  /** [N, D] */
  private readonly x: tf.Tensor;
  private readonly labels: tf.Tensor;
  private readonly mean: tf.Tensor;
  private readonly gram: tf.Tensor;
  /** M */
  private readonly columns: number;

  constructor({ features: { values, count, width }, labels }: LabelledFeatures, mean: Float64Array) {
    [this.x, this.labels, this.mean] = [tf.tensor2d(values, [count, width]), tf.tensor1d(labels, "int32"), float64Tensor(mean, [width])];
    this.gram = runFloat64("CentredGram", { x: this.x, mean: this.mean }, {})[0]!;
    this.columns = width + 1;
  }

  evaluate(weights: Float64Array, gradient: Float64Array): LossSums {
    return tf.tidy(() => {
      const { x, labels, mean } = this;
      const [sums, slopes] = runFloat64("SoftmaxRegression", { x, labels, mean, weights: rowsTensor(weights, this.columns) }, {});
      gradient.set(float64Values(slopes!));
      const [loss, uncertainty] = float64Values(sums!);
      return { loss: loss!, uncertainty: uncertainty! };
    });
  }

  gramDiagonal(): Float64Array {
    const gram = float64Values(this.gram);
    return Float64Array.from({ length: this.columns }, (_, i) => gram[i * (this.columns + 1)]!);
  }

  factorGram(scale: number, added: Float64Array): GramSolver {
    const lower = runFloat64("CholeskyFactor", { matrix: this.gram }, { scale, added })[0]!;
    return {
      solve: (vectors) => tf.tidy(() => vectors.set(float64Values(runFloat64("CholeskySolve", { lower, right: rowsTensor(vectors, this.columns) }, {})[0]!))),
      [Symbol.dispose]: () => lower.dispose(),
    };
  }

  [Symbol.dispose](): void {
    tf.dispose([this.x, this.labels, this.mean, this.gram]);
  }
}

const rowsTensor = (values: Float64Array, columns: number) => float64Tensor(values, [values.length / columns, columns]);
