// Operands of a product laid out for the micro-kernel: strips of 4 rows of the left or 8 columns of the
// right operand, stored depth-major, so that the inner loop reads both in order. A transposed operand
// costs nothing beyond this copy.
import { element } from "./arguments";
import { loadLanes } from "./simd";

/** Four vectors of four floats at `stride` apart, transposed into four rows of `width` floats at `target`. */
// @ts-ignore: decorator
@inline
function transposeBlock(source: usize, stride: usize, target: usize, width: usize): void {
  const a = v128.load(source);
  const b = v128.load(source + stride);
  const c = v128.load(source + 2 * stride);
  const d = v128.load(source + 3 * stride);
  const abLow = v128.shuffle<f32>(a, b, 0, 4, 1, 5);
  const abHigh = v128.shuffle<f32>(a, b, 2, 6, 3, 7);
  const cdLow = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
  const cdHigh = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
  v128.store(target, v128.shuffle<f32>(abLow, cdLow, 0, 1, 4, 5));
  v128.store(target + width, v128.shuffle<f32>(abLow, cdLow, 2, 3, 6, 7));
  v128.store(target + 2 * width, v128.shuffle<f32>(abHigh, cdHigh, 0, 1, 4, 5));
  v128.store(target + 3 * width, v128.shuffle<f32>(abHigh, cdHigh, 2, 3, 6, 7));
}

/**
 * Packs `count` rows (of the left operand) or columns (of the right one) into strips of `width` (4 or 8), each
 * [depth, width], one after the other: strip[k][i] = source[(strip * width + i) * stride + k * depthStride], zeros where
 * the last strip is short.
 */
export function packStrips(
  source: usize, stride: i32, depthStride: i32, count: i32, width: i32, depth: i32, target: usize,
): void {
  for (let first: i32 = 0; first < count; first += width) {
    packStrip(element(source, first * stride), stride, depthStride, min(width, count - first), width, depth, element(target, first * depth));
  }
}

function packStrip(source: usize, stride: i32, depthStride: i32, valid: i32, width: i32, depth: i32, target: usize): void {
  let k: i32 = 0;
  if (stride === 1) {
    for (; k < depth; k++) {
      for (let i: i32 = 0; i < width; i += 4) v128.store(element(target, i), loadLanes(element(source, i), valid - i));
      source = element(source, depthStride);
      target = element(target, width);
    }
  } else if (depthStride === 1 && valid === width) {
    for (; k + 4 <= depth; k += 4) {
      for (let i: i32 = 0; i < width; i += 4) {
        transposeBlock(element(source, i * stride + k), <usize>stride << 2, element(target, k * width + i), <usize>width << 2);
      }
    }
  }
  for (; k < depth; k++) {
    for (let i: i32 = 0; i < width; i++) {
      const value: f32 = i < valid ? load<f32>(element(source, i * stride + k * depthStride)) : 0;
      store<f32>(element(target, k * width + i), value);
    }
  }
}

/** y = xᵀ for rows [begin, end) of x [rows, columns]. */
export function transposeRows(x: usize, y: usize, rows: i32, columns: i32, begin: i32, end: i32): void {
  let row = begin;
  for (; row + 4 <= end; row += 4) {
    let column: i32 = 0;
    for (; column + 4 <= columns; column += 4) {
      transposeBlock(element(x, row * columns + column), <usize>columns << 2, element(y, column * rows + row), <usize>rows << 2);
    }
    for (; column < columns; column++) {
      for (let i: i32 = 0; i < 4; i++) {
        store<f32>(element(y, column * rows + row + i), load<f32>(element(x, (row + i) * columns + column)));
      }
    }
  }
  for (; row < end; row++) {
    for (let column: i32 = 0; column < columns; column++) {
      store<f32>(element(y, column * rows + row), load<f32>(element(x, row * columns + column)));
    }
  }
}
