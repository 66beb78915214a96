// Sixteen bytes to four vectors of four numbers, and back.

// @ts-ignore: decorator
@inline export function bytesToInts(bytes: v128, quarter: i32): v128 {
  const halves = quarter < 2 ? i16x8.extend_low_i8x16_u(bytes) : i16x8.extend_high_i8x16_u(bytes);
  return quarter & 1 ? i32x4.extend_high_i16x8_u(halves) : i32x4.extend_low_i16x8_u(halves);
}

// @ts-ignore: decorator
@inline export function bytesToFloats(bytes: v128, quarter: i32): v128 {
  return f32x4.convert_i32x4_s(bytesToInts(bytes, quarter));
}

/** Sixteen integers to bytes; values outside 0..255 become 0 or 255. */
// @ts-ignore: decorator
@inline export function intsToBytes(a: v128, b: v128, c: v128, d: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
}

/** Round half up of the shifted sum, as everywhere in Pillow's integer luminance. */
const redGreenWeights = i16x8(19595, 19235, 19595, 19235, 19595, 19235, 19595, 19235);
const blueOneWeights = i16x8(7471, 16384, 7471, 16384, 7471, 16384, 7471, 16384);

// @ts-ignore: decorator
@inline function luminanceOfFour(redGreen: v128, blueTwo: v128): v128 {
  const sum = i32x4.add(i32x4.dot_i16x8_s(redGreen, redGreenWeights), i32x4.dot_i16x8_s(blueTwo, blueOneWeights));
  return i32x4.shr_u(sum, 16);
}

/**
 * Luminance of eight pixels, (19595 R + 38470 G + 7471 B + 32768) >> 16, as eight 16-bit integers. 38470 does not fit
 * a signed 16-bit factor, so G comes doubled with half of it; 32768 comes as 2 · 16384 beside B.
 */
// @ts-ignore: decorator
@inline export function luminanceOfEight(red: v128, green: v128, blue: v128): v128 {
  const doubled = i16x8.shl(green, 1);
  const two = i16x8.splat(2);
  const low = luminanceOfFour(
    i16x8.shuffle(red, doubled, 0, 8, 1, 9, 2, 10, 3, 11),
    i16x8.shuffle(blue, two, 0, 8, 1, 9, 2, 10, 3, 11),
  );
  const high = luminanceOfFour(
    i16x8.shuffle(red, doubled, 4, 12, 5, 13, 6, 14, 7, 15),
    i16x8.shuffle(blue, two, 4, 12, 5, 13, 6, 14, 7, 15),
  );
  return i16x8.narrow_i32x4_s(low, high);
}

/** Luminance of sixteen pixels, as bytes. */
// @ts-ignore: decorator
@inline export function luminance(red: v128, green: v128, blue: v128): v128 {
  const low = luminanceOfEight(
    i16x8.extend_low_i8x16_u(red), i16x8.extend_low_i8x16_u(green), i16x8.extend_low_i8x16_u(blue),
  );
  const high = luminanceOfEight(
    i16x8.extend_high_i8x16_u(red), i16x8.extend_high_i8x16_u(green), i16x8.extend_high_i8x16_u(blue),
  );
  return i8x16.narrow_i16x8_u(low, high);
}
