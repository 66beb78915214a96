// exp, log and the normal distribution. The polynomials are minimax fits made for this file (weighted
// least squares in float64, relative error); accuracy.test.ts holds them to float64 references.
import { multiplyAdd, select } from "./simd";

// exp(r) = 1 + r + r² p(r) on |r| <= ln 2 / 2, relative error 3e-9.
// @ts-ignore: decorator
@inline
function expPolynomial(r: v128): v128 {
  let p = f32x4.splat(0.0013814520979157415);
  p = multiplyAdd(p, r, f32x4.splat(0.008368703890196533));
  p = multiplyAdd(p, r, f32x4.splat(0.04166838817653186));
  p = multiplyAdd(p, r, f32x4.splat(0.1666652074348833));
  p = multiplyAdd(p, r, f32x4.splat(0.49999993451682206));
  p = multiplyAdd(p, r, f32x4.splat(1));
  return multiplyAdd(p, r, f32x4.splat(1));
}

// Adding 1.5 * 2^23 rounds a float to a whole number, and leaves that number in the low bits of the sum.
const ROUNDER: f32 = 12582912;

/** 2^n where `shifted` is n + ROUNDER, for -126 <= n <= 127. */
// @ts-ignore: decorator
@inline
function powerOfTwo(shifted: v128): v128 {
  return i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(0x3f800000));
}

// @ts-ignore: decorator
@inline
function shiftedQuotient(x: v128): v128 {
  return multiplyAdd(x, f32x4.splat(1.4426950408889634), f32x4.splat(ROUNDER));
}

// x = n ln 2 + r, with ln 2 in two parts so that n times the first is exact.
// @ts-ignore: decorator
@inline
function reduced(x: v128, n: v128): v128 {
  const high = multiplyAdd(n, f32x4.splat(-0.693359375), x);
  return multiplyAdd(n, f32x4.splat(2.12194440e-4), high);
}

/** exp(x) for x <= 88; below -87.3 it stays at 1.2e-38 instead of becoming subnormal. */
// @ts-ignore: decorator
@inline
export function expBounded(x: v128): v128 {
  const clamped = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88)), f32x4.splat(-87.33));
  return expInRange(clamped);
}

/** The same for an x that is known to be in [-87.3, 88]. */
// @ts-ignore: decorator
@inline
function expInRange(x: v128): v128 {
  const shifted = shiftedQuotient(x);
  return f32x4.mul(expPolynomial(reduced(x, f32x4.sub(shifted, f32x4.splat(ROUNDER)))), powerOfTwo(shifted));
}

/** exp(x) over the whole range: infinities, subnormal results and NaN as IEEE has them. */
export function expFull(x: v128): v128 {
  const clamped = f32x4.max(f32x4.min(x, f32x4.splat(89)), f32x4.splat(-105));
  const n = f32x4.sub(shiftedQuotient(clamped), f32x4.splat(ROUNDER));
  // In two steps, as 2^n itself may be beyond the normal numbers where the result is not.
  const half = multiplyAdd(n, f32x4.splat(0.5), f32x4.splat(ROUNDER));
  const rest = f32x4.add(f32x4.sub(n, f32x4.sub(half, f32x4.splat(ROUNDER))), f32x4.splat(ROUNDER));
  return f32x4.mul(f32x4.mul(expPolynomial(reduced(clamped, n)), powerOfTwo(half)), powerOfTwo(rest));
}

/** Natural logarithm of a positive normal number, in float64: one per row, so plain. */
export function logScalar(x: f64): f64 {
  const bits = reinterpret<i64>(x);
  let exponent = <i32>((bits >> 52) & 0x7ff) - 1023;
  let mantissa = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (mantissa > 1.4142135623730951) {
    mantissa *= 0.5;
    exponent += 1;
  }
  // log m = 2 artanh((m - 1) / (m + 1)), a series in s² <= 0.0295.
  const s = (mantissa - 1) / (mantissa + 1);
  const squared = s * s;
  let series: f64 = 0;
  for (let k: i32 = 21; k >= 1; k -= 2) series = series * squared + 1 / <f64>k;
  return 2 * s * series + <f64>exponent * 0.6931471805599453;
}

/** exp(-x² / 2). */
// @ts-ignore: decorator
@inline
export function gaussian(x: v128): v128 {
  return expInRange(f32x4.pmax(f32x4.mul(f32x4.mul(x, x), f32x4.splat(-0.5)), f32x4.splat(-87.33)));
}

/**
 * The normal distribution function Φ(x), given gaussian(x). Below 1 from 0 it is 1/2 plus an odd polynomial;
 * beyond, Φ(-|x|) = gaussian(x) t P(t) with t = 1 / (1 + |x| / √8), which loses nothing to cancellation.
 */
// @ts-ignore: decorator
@inline
export function normalDistribution(x: v128, density: v128): v128 {
  const t = f32x4.div(f32x4.splat(1), multiplyAdd(f32x4.abs(x), f32x4.splat(0.35355339059327373), f32x4.splat(1)));
  let p = f32x4.splat(-0.028460489256577653);
  p = multiplyAdd(p, t, f32x4.splat(0.13774905275814386));
  p = multiplyAdd(p, t, f32x4.splat(-0.2356309649146544));
  p = multiplyAdd(p, t, f32x4.splat(0.13150542005278298));
  p = multiplyAdd(p, t, f32x4.splat(-0.00917548610401617));
  p = multiplyAdd(p, t, f32x4.splat(0.10001007912717122));
  p = multiplyAdd(p, t, f32x4.splat(0.12179213969713887));
  p = multiplyAdd(p, t, f32x4.splat(0.1411664430274963));
  p = multiplyAdd(p, t, f32x4.splat(0.1410438438827684));
  const below = f32x4.mul(f32x4.mul(p, t), density);
  const outer = select(below, f32x4.sub(f32x4.splat(1), below), f32x4.lt(x, f32x4.splat(0)));
  const squared = f32x4.mul(x, x);
  let s = f32x4.splat(-7.5998548013309075e-06);
  s = multiplyAdd(s, squared, f32x4.splat(0.00011336627635238211));
  s = multiplyAdd(s, squared, f32x4.splat(-0.0011862407360980556));
  s = multiplyAdd(s, squared, f32x4.splat(0.009973298638112634));
  s = multiplyAdd(s, squared, f32x4.splat(-0.06649035819782398));
  s = multiplyAdd(s, squared, f32x4.splat(0.39894228017502953));
  const inner = multiplyAdd(s, x, f32x4.splat(0.5));
  return select(inner, outer, f32x4.lt(squared, f32x4.splat(1)));
}
