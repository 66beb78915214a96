// What patches have in common, as colours: the figure of arXiv 2304.07193, section 7.6 ("PCA of patch features"). Legend: N patches
// of all images, D width of a feature.

import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { type FeatureMatrix, rowRange, selectRows } from "./feature-matrix.ts";

export interface PatchColors {
  /** [N], 1 where the patch is of the foreground. */
  readonly foreground: Uint8Array;
  /** [N, 3], red, green, blue of 0..1; black in the background. */
  readonly colors: Float32Array;
}

/**
 * The first component of all patches, by its sign, parts foreground from background; over the foreground alone, three components
 * are red, green and blue, each scaled from its least to its largest. A component has no sign of its own: the foreground is
 * the side with fewer patches on the images' borders.
 *
 * @param onBorder [N], 1 where a patch is at the edge of its image
 */
export function patchPca(features: FeatureMatrix, onBorder: Uint8Array): PatchColors {
  const [first] = principalComponents(features, 1);
  const foreground = insideSide(first!, onBorder);
  const rows = [...foreground.keys()].filter((row) => foreground[row] === 1);
  const colors = new Float32Array(features.count * 3);
  if (rows.length > 1) {
    principalComponents(selectRows(features, rows), 3).forEach((values, channel) => {
      const [least, most] = extent(values);
      rows.forEach((row, i) => (colors[row * 3 + channel] = (values[i]! - least) / (most - least || 1)));
    });
  }
  return { foreground, colors };
}

/** The projections of rows on the directions of largest variance around their mean, largest first; fewer when D is smaller. */
export function principalComponents(features: FeatureMatrix, count: number): Float64Array[] {
  const { width } = features;
  const mean = new Float64Array(width);
  forRows(features, (row) => row.forEach((value, i) => (mean[i]! += value / features.count)));
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(covariance(features, mean), { assumeSymmetric: true });
  const order = realEigenvalues.map((_, i) => i).sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!);
  return order.slice(0, count).map((column) => {
    const direction = eigenvectorMatrix.getColumn(column);
    const values = new Float64Array(features.count);
    forRows(features, (row, n) => (values[n] = direction.reduce((sum, weight, i) => sum + weight * (row[i]! - mean[i]!), 0)));
    return values;
  });
}

/** [D, D], in float64. */
function covariance(features: FeatureMatrix, mean: Float64Array): Matrix {
  const { width, count } = features;
  const sums = new Float64Array(width * width);
  forRows(features, (row) => {
    for (let i = 0; i < width; i++) {
      const a = (row[i]! - mean[i]!) / count;
      for (let j = 0; j <= i; j++) sums[i * width + j]! += a * (row[j]! - mean[j]!);
    }
  });
  return new Matrix(Array.from({ length: width }, (_, i) => Array.from({ length: width }, (_, j) => sums[Math.max(i, j) * width + Math.min(i, j)]!)));
}

function insideSide(component: Float64Array, onBorder: Uint8Array): Uint8Array {
  const borderShare = (positive: boolean) => {
    let [inside, border] = [0, 0];
    component.forEach((value, row) => {
      if (value > 0 !== positive) return;
      if (onBorder[row] === 1) border++;
      else inside++;
    });
    return border / (border + inside || 1);
  };
  const positive = borderShare(true) <= borderShare(false);
  return Uint8Array.from(component, (value) => (value > 0 === positive ? 1 : 0));
}

function forRows(features: FeatureMatrix, see: (row: Float32Array, n: number) => void): void {
  for (let n = 0; n < features.count; n++) see(rowRange(features, n, n + 1).values, n);
}

const extent = (values: Float64Array) => values.reduce(([least, most], value) => [Math.min(least, value), Math.max(most, value)] as [number, number], [Infinity, -Infinity] as [number, number]);
