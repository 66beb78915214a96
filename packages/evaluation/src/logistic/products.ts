// Products of float64 matrices for engines that have none. Four rows and two columns at a time stay in registers.
// Legend: N rows of data, D columns, K classes.

/** Row-major. Rows and columns are filled up with zeros, so that no product has a rest to care for. */
export interface Matrix64 {
  /** A multiple of 4. */
  readonly rows: number;
  /** A multiple of 2. */
  readonly columns: number;
  readonly values: Float64Array;
}

/** Zeros, at least as large as asked for. */
export function createMatrix64(rows: number, columns: number): Matrix64 {
  const [fullRows, fullColumns] = [Math.ceil(rows / 4) * 4, Math.ceil(columns / 2) * 2];
  return { rows: fullRows, columns: fullColumns, values: new Float64Array(fullRows * fullColumns) };
}

/** A matrix [rows, columns] with zeros around it. */
export function fitted64(values: Float64Array, rows: number, columns: number): Matrix64 {
  const matrix = createMatrix64(rows, columns);
  for (let row = 0; row < rows; row++) matrix.values.set(values.subarray(row * columns, (row + 1) * columns), row * matrix.columns);
  return matrix;
}

/** [rows, columns] without the zeros around it. */
export function values64(matrix: Matrix64, rows: number, columns: number): Float64Array {
  const values = new Float64Array(rows * columns);
  for (let row = 0; row < rows; row++) values.set(matrix.values.subarray(row * matrix.columns, row * matrix.columns + columns), row * columns);
  return values;
}

/**
 * out[n, k] = Σ_d x[n, d] weight[k, d].
 * @param x [N, D]
 * @param weight [K, D], K the columns of `out`
 * @param out [N, K]
 */
export function productWithRows(x: Matrix64, weight: Float64Array, out: Matrix64): void {
  const width = x.columns;
  for (let row = 0; row < x.rows; row += 4) {
    for (let k = 0; k < out.columns; k += 2) dots4x2(x.values, row * width, weight, k * width, width, out.values, row * out.columns + k, out.columns);
  }
}

/** Dot products of four rows of `x` with two of `w`. */
function dots4x2(x: Float64Array, x0: number, w: Float64Array, w0: number, width: number, out: Float64Array, place: number, stride: number): void {
  const [x1, x2, x3, w1] = [x0 + width, x0 + 2 * width, x0 + 3 * width, w0 + width];
  let [s00, s01, s10, s11, s20, s21, s30, s31] = [0, 0, 0, 0, 0, 0, 0, 0];
  for (let d = 0; d < width; d++) {
    // Not [u, v] = […]: in the innermost loop that takes three times as long.
    const u = w[w0 + d]!;
    const v = w[w1 + d]!;
    const a = x[x0 + d]!;
    const b = x[x1 + d]!;
    const c = x[x2 + d]!;
    const e = x[x3 + d]!;
    s00 += a * u;
    s01 += a * v;
    s10 += b * u;
    s11 += b * v;
    s20 += c * u;
    s21 += c * v;
    s30 += e * u;
    s31 += e * v;
  }
  out[place] = s00;
  out[place + 1] = s01;
  out[place + stride] = s10;
  out[place + stride + 1] = s11;
  out[place + 2 * stride] = s20;
  out[place + 2 * stride + 1] = s21;
  out[place + 3 * stride] = s30;
  out[place + 3 * stride + 1] = s31;
}

/**
 * out[k, d] += Σ_n p[n, k] x[n, d].
 * @param p [N, K]
 * @param x [N, D]
 * @param out [K, D]
 * @param columnsOf how many columns of row pair k are wanted, all as it comes
 */
export function addProductOfColumns(p: Matrix64, x: Matrix64, out: Float64Array, columnsOf: (k: number) => number = () => x.columns): void {
  for (let row = 0; row < x.rows; row += 4) {
    for (let k = 0; k < p.columns; k += 2) outer4x2(p.values, row * p.columns + k, p.columns, x.values, row * x.columns, x.columns, out, k * x.columns, columnsOf(k));
  }
}

/** Adds four rows of `x`, each times two numbers of `p`, to two rows of `out`. */
function outer4x2(
  p: Float64Array,
  place: number,
  stride: number,
  x: Float64Array,
  x0: number,
  width: number,
  out: Float64Array,
  out0: number,
  wanted: number,
): void {
  const [x1, x2, x3, out1] = [x0 + width, x0 + 2 * width, x0 + 3 * width, out0 + width];
  const [p00, p01, p10, p11] = [p[place]!, p[place + 1]!, p[place + stride]!, p[place + stride + 1]!];
  const [p20, p21, p30, p31] = [p[place + 2 * stride]!, p[place + 2 * stride + 1]!, p[place + 3 * stride]!, p[place + 3 * stride + 1]!];
  for (let d = 0; d < wanted; d++) {
    const a = x[x0 + d]!;
    const b = x[x1 + d]!;
    const c = x[x2 + d]!;
    const e = x[x3 + d]!;
    out[out0 + d]! += p00 * a + p10 * b + p20 * c + p30 * e;
    out[out1 + d]! += p01 * a + p11 * b + p21 * c + p31 * e;
  }
}
