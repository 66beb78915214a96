// Brightness, contrast, saturation, grey, solarise on planes of bytes, with Pillow's rounding.

import { bytesToFloats, intsToBytes, luminance } from "./simd";

// @ts-ignore: decorator
@inline function blended(base: v128, value: v128, factor: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.add(base, f32x4.mul(factor, f32x4.sub(value, base))));
}

/**
 * Moves `count` bytes away from a fixed value: trunc(base + factor (v - base)), clipped to a byte. With base 0 that is
 * brightness, with the mean luminance it is contrast.
 */
export function blend(bytes: usize, count: usize, base: f32, factor: f32): void {
  const bases = f32x4.splat(base);
  const factors = f32x4.splat(factor);
  for (let end = bytes + count; bytes < end; bytes += 16) {
    const v = v128.load(bytes);
    v128.store(
      bytes,
      intsToBytes(
        blended(bases, bytesToFloats(v, 0), factors), blended(bases, bytesToFloats(v, 1), factors),
        blended(bases, bytesToFloats(v, 2), factors), blended(bases, bytesToFloats(v, 3), factors),
      ),
    );
  }
}

// @ts-ignore: decorator
@inline function saturated(bytes: usize, gray: v128, factors: v128): void {
  const v = v128.load(bytes);
  v128.store(
    bytes,
    intsToBytes(
      blended(bytesToFloats(gray, 0), bytesToFloats(v, 0), factors),
      blended(bytesToFloats(gray, 1), bytesToFloats(v, 1), factors),
      blended(bytesToFloats(gray, 2), bytesToFloats(v, 2), factors),
      blended(bytesToFloats(gray, 3), bytesToFloats(v, 3), factors),
    ),
  );
}

/** Moves each pixel away from its own luminance by `factor`. */
export function saturate(planes: usize, stride: usize, factor: f32): void {
  const factors = f32x4.splat(factor);
  for (let end = planes + stride; planes < end; planes += 16) {
    const gray = luminance(v128.load(planes), v128.load(planes + stride), v128.load(planes + 2 * stride));
    saturated(planes, gray, factors);
    saturated(planes + stride, gray, factors);
    saturated(planes + 2 * stride, gray, factors);
  }
}

/** Puts the luminance into all three planes. */
export function grayscale(planes: usize, stride: usize): void {
  for (let end = planes + stride; planes < end; planes += 16) {
    const gray = luminance(v128.load(planes), v128.load(planes + stride), v128.load(planes + 2 * stride));
    v128.store(planes, gray);
    v128.store(planes + stride, gray);
    v128.store(planes + 2 * stride, gray);
  }
}

/** Sum of the luminance of the first `count` pixels. */
export function luminanceSum(planes: usize, stride: usize, count: i32): f64 {
  let sum = i64x2.splat(0);
  let i = 0;
  for (; i + 16 <= count; i += 16) {
    const at = planes + i;
    const gray = luminance(v128.load(at), v128.load(at + stride), v128.load(at + 2 * stride));
    const pairs = i16x8.extadd_pairwise_i8x16_u(gray);
    const fours = i32x4.extadd_pairwise_i16x8_u(pairs);
    sum = i64x2.add(sum, i64x2.add(i64x2.extend_low_i32x4_u(fours), i64x2.extend_high_i32x4_u(fours)));
  }
  let total = i64x2.extract_lane(sum, 0) + i64x2.extract_lane(sum, 1);
  for (; i < count; i++) {
    const red = load<u8>(planes + i) as i32;
    const green = load<u8>(planes + stride + i) as i32;
    const blue = load<u8>(planes + 2 * stride + i) as i32;
    total += (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
  }
  return total as f64;
}

/** Inverts the bytes from `threshold` (0..256) on. */
export function solarize(bytes: usize, count: usize, threshold: i32): void {
  const all = i8x16.splat(-1);
  for (let end = bytes + count; bytes < end; bytes += 16) {
    const v = v128.load(bytes);
    // At 256 nothing is inverted; a byte comparison alone could not say so.
    const selected = threshold > 255 ? i8x16.splat(0) : i8x16.ge_u(v, i8x16.splat(threshold as i8));
    v128.store(bytes, v128.xor(v, v128.and(all, selected)));
  }
}
