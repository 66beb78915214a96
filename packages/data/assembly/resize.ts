// Pillow's resampling: 22-bit fixed-point weights, one pass along rows and one along columns, bytes after each.
// For each output place, `bounds` holds (first input place, number of weights), `weights` a row of `weightStride` integers.

import { intsToBytes } from "./simd";

const precisionBits: i32 = 22;
const half: i32 = 1 << (precisionBits - 1);

// Picks one of the five pixels in sixteen bytes, as three integers: an index with its top bit set gives zero. (Engines turn
// this into one instruction, and a two-operand shuffle with zero into three.)
const pixel0 = i8x16(0, -128, -128, -128, 1, -128, -128, -128, 2, -128, -128, -128, -128, -128, -128, -128);
const pixel1 = i8x16(3, -128, -128, -128, 4, -128, -128, -128, 5, -128, -128, -128, -128, -128, -128, -128);
const pixel2 = i8x16(6, -128, -128, -128, 7, -128, -128, -128, 8, -128, -128, -128, -128, -128, -128, -128);
const pixel3 = i8x16(9, -128, -128, -128, 10, -128, -128, -128, 11, -128, -128, -128, -128, -128, -128, -128);

/** Four integers of 22 fractional bits to bytes 0..255, in the lowest lane. */
// @ts-ignore: decorator
@inline function pixelToBytes(sum: v128): u32 {
  const whole = i32x4.shr_s(sum, precisionBits);
  const words = i16x8.narrow_i32x4_s(whole, whole);
  return i32x4.extract_lane(i8x16.narrow_i16x8_u(words, words), 0) as u32;
}

// @ts-ignore: decorator
@inline function addPixel(sum: v128, pixel: v128, weight: usize): v128 {
  return i32x4.add(sum, i32x4.mul(pixel, v128.load32_splat(weight)));
}

/**
 * Resizes `rowCount` rows of packed RGB along x: `source` (rows `sourceStride` bytes apart) to `target` (`outputWidth`
 * pixels a row, rows `targetStride` bytes apart). Writes one byte past each row's end.
 */
export function resizeRows(
  source: usize, sourceStride: usize, rowCount: i32,
  target: usize, targetStride: usize, outputWidth: i32,
  bounds: usize, weights: usize, weightStride: i32,
): void {
  for (let row = 0; row < rowCount; row++) {
    let output = target;
    for (let x = 0; x < outputWidth; x++) {
      let input = source + (load<i32>(bounds + (x << 3)) as usize) * 3;
      let count = load<i32>(bounds + (x << 3), 4);
      let weight = weights + ((x * weightStride) << 2);
      let even = i32x4.splat(half);
      let odd = i32x4.splat(0);
      while (count >= 4) {
        const four = v128.load(input);
        even = addPixel(even, i8x16.swizzle(four, pixel0), weight);
        odd = addPixel(odd, i8x16.swizzle(four, pixel1), weight + 4);
        even = addPixel(even, i8x16.swizzle(four, pixel2), weight + 8);
        odd = addPixel(odd, i8x16.swizzle(four, pixel3), weight + 12);
        input += 12;
        weight += 16;
        count -= 4;
      }
      while (count > 0) {
        const one = v128.load32_zero(input);
        even = addPixel(even, i8x16.swizzle(one, pixel0), weight);
        input += 3;
        weight += 4;
        count--;
      }
      store<u32>(output, pixelToBytes(i32x4.add(even, odd)));
      output += 3;
    }
    source += sourceStride;
    target += targetStride;
  }
}

/** Sixteen bytes of one output row: the weighted sum of `count` input rows, `stride` bytes apart. */
// @ts-ignore: decorator
@inline function weightedRows(input: usize, stride: usize, weight: usize, count: i32): v128 {
  let a = i32x4.splat(half);
  let b = a;
  let c = a;
  let d = a;
  for (let i = 0; i < count; i++) {
    const bytes = v128.load(input);
    const low = i16x8.extend_low_i8x16_u(bytes);
    const high = i16x8.extend_high_i8x16_u(bytes);
    const factor = v128.load32_splat(weight);
    a = i32x4.add(a, i32x4.mul(i32x4.extend_low_i16x8_u(low), factor));
    b = i32x4.add(b, i32x4.mul(i32x4.extend_high_i16x8_u(low), factor));
    c = i32x4.add(c, i32x4.mul(i32x4.extend_low_i16x8_u(high), factor));
    d = i32x4.add(d, i32x4.mul(i32x4.extend_high_i16x8_u(high), factor));
    input += stride;
    weight += 4;
  }
  return intsToBytes(
    i32x4.shr_s(a, precisionBits), i32x4.shr_s(b, precisionBits),
    i32x4.shr_s(c, precisionBits), i32x4.shr_s(d, precisionBits),
  );
}

/**
 * Resizes along y, from packed RGB rows (`width` pixels, `sourceStride` bytes apart; first row = input row `firstRow`) to
 * three planes of `width` x `outputHeight` bytes. Writes up to 15 bytes past a row, so rows are written downwards.
 */
export function resizeColumns(
  source: usize, sourceStride: usize, firstRow: i32, width: i32,
  planes: usize, planeStride: usize, outputHeight: i32,
  bounds: usize, weights: usize, weightStride: i32,
): void {
  for (let y = 0; y < outputHeight; y++) {
    const count = load<i32>(bounds + (y << 3), 4);
    const weight = weights + ((y * weightStride) << 2);
    let input = source + ((load<i32>(bounds + (y << 3)) - firstRow) as usize) * sourceStride;
    let output = planes + y * width;
    for (let x = 0; x < width; x += 16) {
      const p = weightedRows(input, sourceStride, weight, count);
      const q = weightedRows(input + 16, sourceStride, weight, count);
      const r = weightedRows(input + 32, sourceStride, weight, count);
      const redPQ = i8x16.shuffle(p, q, 0, 3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 0, 0, 0, 0, 0);
      const greenPQ = i8x16.shuffle(p, q, 1, 4, 7, 10, 13, 16, 19, 22, 25, 28, 31, 0, 0, 0, 0, 0);
      const bluePQ = i8x16.shuffle(p, q, 2, 5, 8, 11, 14, 17, 20, 23, 26, 29, 0, 0, 0, 0, 0, 0);
      v128.store(output, i8x16.shuffle(redPQ, r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17, 20, 23, 26, 29));
      v128.store(
        output + planeStride, i8x16.shuffle(greenPQ, r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 18, 21, 24, 27, 30),
      );
      v128.store(
        output + 2 * planeStride, i8x16.shuffle(bluePQ, r, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 19, 22, 25, 28, 31),
      );
      input += 48;
      output += 16;
    }
  }
}
