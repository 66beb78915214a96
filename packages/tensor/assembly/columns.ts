// Reductions over rows, column by column.
import { element, integerAt, pointerAt } from "./arguments";
import { loadLanes, storeLanes } from "./simd";

/** One partial sum per chunk of rows. Slots: 0 x [R,D], 1 partial [chunks,D], 2 R, 3 D, 4 rows per chunk. */
export function columnSums(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 3);
  const begin = chunk * integerAt(args, 4);
  const end = min(begin + integerAt(args, 4), integerAt(args, 2));
  sumRows(element(pointerAt(args, 0), begin * width), end - begin, width, element(pointerAt(args, 1), chunk * width), 0, width);
}

/**
 * y[i] = sum over rows of x[row][i], for a share of the columns: adds up what chunks left.
 * Slots: 0 x [R,D], 1 y [D], 2 R, 3 D, 4 columns per chunk.
 */
export function addPartials(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 3);
  const begin = chunk * integerAt(args, 4);
  const end = min(begin + integerAt(args, 4), width);
  sumRows(pointerAt(args, 0), integerAt(args, 2), width, pointerAt(args, 1), begin, end);
}

export function sumRows(x: usize, rows: i32, width: i32, y: usize, begin: i32, end: i32): void {
  let i = begin;
  for (; i + 16 <= end; i += 16) {
    let a = f32x4.splat(0);
    let b = f32x4.splat(0);
    let c = f32x4.splat(0);
    let d = f32x4.splat(0);
    let at = element(x, i);
    for (let row: i32 = 0; row < rows; row++) {
      a = f32x4.add(a, v128.load(at));
      b = f32x4.add(b, v128.load(at, 16));
      c = f32x4.add(c, v128.load(at, 32));
      d = f32x4.add(d, v128.load(at, 48));
      at = element(at, width);
    }
    v128.store(element(y, i), a);
    v128.store(element(y, i), b, 16);
    v128.store(element(y, i), c, 32);
    v128.store(element(y, i), d, 48);
  }
  for (; i < end; i += 4) {
    let a = f32x4.splat(0);
    for (let row: i32 = 0; row < rows; row++) a = f32x4.add(a, loadLanes(element(x, row * width + i), end - i));
    storeLanes(element(y, i), a, end - i);
  }
}
