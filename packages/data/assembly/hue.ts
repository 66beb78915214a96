// Hue shift through 8-bit hue, saturation and value, as Pillow converts them (single and double precision mixed).

import { bytesToInts, intsToBytes } from "./simd";

// @ts-ignore: decorator
@inline function promoteHigh(v: v128): v128 {
  return f64x2.promote_low_f32x4(i32x4.shuffle(v, v, 2, 3, 2, 3));
}

// @ts-ignore: decorator
@inline function joinLow(low: v128, high: v128): v128 {
  return i32x4.shuffle(low, high, 0, 1, 4, 5);
}

/** offset + a - b in double precision, rounded once. */
// @ts-ignore: decorator
@inline function offsetDifference(offset: v128, a: v128, b: v128): v128 {
  const low = f64x2.sub(f64x2.add(f64x2.promote_low_f32x4(offset), f64x2.promote_low_f32x4(a)), f64x2.promote_low_f32x4(b));
  const high = f64x2.sub(f64x2.add(promoteHigh(offset), promoteHigh(a)), promoteHigh(b));
  return joinLow(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high));
}

/** The fraction of sixths / 6 + 1, in double precision; sixths is -1..5, so one subtraction is enough. */
// @ts-ignore: decorator
@inline function turnFraction(sixths: v128): v128 {
  const one = f64x2.splat(1.0);
  const turn = f64x2.add(f64x2.div(sixths, f64x2.splat(6.0)), one);
  return f64x2.sub(turn, v128.and(f64x2.ge(turn, one), one));
}

/** trunc(255 v) in double precision. */
// @ts-ignore: decorator
@inline function scaleToByte(v: v128): v128 {
  const scale = f64x2.splat(255.0);
  const low = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(f64x2.promote_low_f32x4(v), scale));
  const high = i32x4.trunc_sat_f64x2_s_zero(f64x2.mul(promoteHigh(v), scale));
  return joinLow(low, high);
}

/** Round half up of a value that is not negative. */
// @ts-ignore: decorator
@inline function rounded(v: v128): v128 {
  return i32x4.trunc_sat_f32x4_s(f32x4.add(v, f32x4.splat(0.5)));
}

let outRed = i32x4.splat(0);
let outGreen = i32x4.splat(0);
let outBlue = i32x4.splat(0);

/** Four pixels in 32-bit lanes; the result is left in `outRed`, `outGreen`, `outBlue`. */
// @ts-ignore: decorator
@inline function shiftFour(red: v128, green: v128, blue: v128, shift: v128): void {
  const one = f32x4.splat(1);
  const maximum = i32x4.max_s(red, i32x4.max_s(green, blue));
  const minimum = i32x4.min_s(red, i32x4.min_s(green, blue));
  const colourful = i32x4.ne(maximum, minimum);
  // Where a pixel is grey the range is 0: 1 keeps the divisions finite, and the result is not used.
  const range = f32x4.convert_i32x4_s(v128.bitselect(i32x4.sub(maximum, minimum), i32x4.splat(1), colourful));
  const value = f32x4.convert_i32x4_s(maximum);
  const redRest = f32x4.div(f32x4.convert_i32x4_s(i32x4.sub(maximum, red)), range);
  const greenRest = f32x4.div(f32x4.convert_i32x4_s(i32x4.sub(maximum, green)), range);
  const blueRest = f32x4.div(f32x4.convert_i32x4_s(i32x4.sub(maximum, blue)), range);
  const redLeads = i32x4.eq(red, maximum);
  const greenLeads = v128.andnot(i32x4.eq(green, maximum), redLeads);
  const a = v128.bitselect(blueRest, v128.bitselect(redRest, greenRest, greenLeads), redLeads);
  const b = v128.bitselect(greenRest, v128.bitselect(blueRest, redRest, greenLeads), redLeads);
  const offset = v128.andnot(v128.bitselect(f32x4.splat(2), f32x4.splat(4), greenLeads), redLeads);
  const sixths = offsetDifference(offset, a, b);
  const turn = joinLow(
    f32x4.demote_f64x2_zero(turnFraction(f64x2.promote_low_f32x4(sixths))),
    f32x4.demote_f64x2_zero(turnFraction(promoteHigh(sixths))),
  );
  const hue = v128.and(i32x4.add(scaleToByte(turn), shift), i32x4.splat(255));
  const saturation = f32x4.div(f32x4.convert_i32x4_s(scaleToByte(f32x4.div(range, value))), f32x4.splat(255));

  const position = f32x4.div(f32x4.convert_i32x4_s(i32x4.mul(hue, i32x4.splat(6))), f32x4.splat(255));
  const sector = f32x4.floor(position);
  const rest = f32x4.sub(position, sector);
  const p = rounded(f32x4.mul(value, f32x4.sub(one, saturation)));
  const q = rounded(f32x4.mul(value, f32x4.sub(one, f32x4.mul(saturation, rest))));
  const t = rounded(f32x4.mul(value, f32x4.sub(one, f32x4.mul(saturation, f32x4.sub(one, rest)))));
  const in1 = f32x4.eq(sector, f32x4.splat(1));
  const in2 = f32x4.eq(sector, f32x4.splat(2));
  const in3 = f32x4.eq(sector, f32x4.splat(3));
  const in4 = f32x4.eq(sector, f32x4.splat(4));
  const in5 = f32x4.eq(sector, f32x4.splat(5));
  // R, G, B by sector: vtp, qvp, pvt, pqv, tpv, vpq; sector 6 (hue 255) is sector 0.
  const shiftedRed = v128.bitselect(q, v128.bitselect(p, v128.bitselect(t, maximum, in4), v128.or(in2, in3)), in1);
  const shiftedGreen = v128.bitselect(
    maximum, v128.bitselect(q, v128.bitselect(p, t, v128.or(in4, in5)), in3), v128.or(in1, in2),
  );
  const shiftedBlue = v128.bitselect(
    t, v128.bitselect(maximum, v128.bitselect(q, p, in5), v128.or(in3, in4)), in2,
  );
  outRed = v128.bitselect(shiftedRed, red, colourful);
  outGreen = v128.bitselect(shiftedGreen, green, colourful);
  outBlue = v128.bitselect(shiftedBlue, blue, colourful);
}

/** Adds `shift` (0..255, wrapping) to the 8-bit hue of every pixel. */
export function shiftHue(planes: usize, stride: usize, shift: i32): void {
  const shifts = i32x4.splat(shift);
  for (let end = planes + stride; planes < end; planes += 16) {
    const red = v128.load(planes);
    const green = v128.load(planes + stride);
    const blue = v128.load(planes + 2 * stride);
    shiftFour(bytesToInts(red, 0), bytesToInts(green, 0), bytesToInts(blue, 0), shifts);
    const red0 = outRed, green0 = outGreen, blue0 = outBlue;
    shiftFour(bytesToInts(red, 1), bytesToInts(green, 1), bytesToInts(blue, 1), shifts);
    const red1 = outRed, green1 = outGreen, blue1 = outBlue;
    shiftFour(bytesToInts(red, 2), bytesToInts(green, 2), bytesToInts(blue, 2), shifts);
    const red2 = outRed, green2 = outGreen, blue2 = outBlue;
    shiftFour(bytesToInts(red, 3), bytesToInts(green, 3), bytesToInts(blue, 3), shifts);
    v128.store(planes, intsToBytes(red0, red1, red2, outRed));
    v128.store(planes + stride, intsToBytes(green0, green1, green2, outGreen));
    v128.store(planes + 2 * stride, intsToBytes(blue0, blue1, blue2, outBlue));
  }
}
