// How a batch's features lie in their space: spread over it, or drawn together, which is what collapse looks like.
//
// R rows, one per crop, view by view; D width.

import { EigenvalueDecomposition, Matrix } from "ml-matrix";

export interface FeatureSpread {
  /**
   * The standard deviation over rows of unit length, averaged over dimensions, times √D: 1 when they are spread evenly over the
   * sphere, 0 when all are equal (arXiv 2011.10566, section 4.1 and figure 2, where it is compared with 1/√D).
   */
  readonly feature_std: number;
  /**
   * The mean distance of a row of unit length to its nearest neighbour among the other images of its view, 0..2: what KoLeo
   * makes large (arXiv 2304.07193, section 4). Absent with one image.
   */
  readonly neighbour_distance?: number;
  /**
   * In how many directions the rows lie, 1..min(R, D): exp of the entropy of their singular values, each as its share of the
   * sum (RankMe, arXiv 2210.02885, equation 1, there over many batches).
   */
  readonly feature_rank: number;
}

/**
 * @param features [R, D], row-major, of finite numbers: `views` crops of each image, all images' first, all images' second, …
 */
export function featureSpread(features: Float32Array, width: number, views: number): FeatureSpread {
  const rows = new Matrix(features.length / width, width);
  features.forEach((value, i) => rows.set(Math.floor(i / width), i % width, value));
  const products = rows.mmul(rows.transpose()); // [R, R] in double precision
  const lengths = products.diagonal().map((square) => Math.max(Math.sqrt(square), 1e-12));
  const images = rows.rows / views;
  return {
    feature_std: relativeDeviation(rows, lengths),
    ...(images > 1 && { neighbour_distance: neighbourDistance(products, lengths, images) }),
    feature_rank: effectiveRank(products),
  };
}

function relativeDeviation(rows: Matrix, lengths: readonly number[]): number {
  const unit = rows.clone().divColumnVector([...lengths]);
  const deviations = unit.standardDeviation("column", { unbiased: false });
  return (Math.sqrt(rows.columns) * deviations.reduce((sum, deviation) => sum + deviation, 0)) / rows.columns;
}

function neighbourDistance(products: Matrix, lengths: readonly number[], images: number): number {
  let sum = 0;
  for (let row = 0; row < products.rows; row++) {
    const first = row - (row % images);
    let nearest = -1;
    for (let other = first; other < first + images; other++) {
      if (other !== row) nearest = Math.max(nearest, products.get(row, other) / (lengths[row]! * lengths[other]!));
    }
    sum += Math.sqrt(Math.max(0, 2 - 2 * nearest));
  }
  return sum / products.rows;
}

/** From the products of rows with rows, whose eigenvalues are the squares of the singular values. */
function effectiveRank(products: Matrix): number {
  const { realEigenvalues } = new EigenvalueDecomposition(products, { assumeSymmetric: true });
  const singular = realEigenvalues.map((eigenvalue) => Math.sqrt(Math.max(0, eigenvalue)));
  const total = singular.reduce((sum, value) => sum + value, 0);
  const entropy = singular.reduce((sum, value) => (value > 0 ? sum - (value / total) * Math.log(value / total) : sum), 0);
  return Math.exp(entropy);
}
