import type { FeatureMatrix } from "../feature-matrix.ts";
import { createMatrix64, type Matrix64 } from "./products.ts";

/** Rows minus `mean`, and a column of ones: [N, D + 1]. */
export function centredRows({ count, width, values }: FeatureMatrix, mean: Float64Array): Matrix64 {
  const x = createMatrix64(count, width + 1);
  for (let row = 0; row < count; row++) {
    const start = row * x.columns;
    for (let d = 0; d < width; d++) x.values[start + d] = values[row * width + d]! - mean[d]!;
    x.values[start + width] = 1;
  }
  return x;
}
