// Four-lane float32 building blocks that the kernels share. Nothing here touches static memory: the
// module lives on the heap of another one and must not own any of it.

/** a * b + c; one rounding where the machine has a fused multiply-add and the module is built for it. */
// @ts-ignore: decorator
@inline
export function multiplyAdd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** `a` where the lanes of `mask` are all ones, `b` where they are all zeros. */
// @ts-ignore: decorator
@inline
export function select(a: v128, b: v128, mask: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_laneselect(a, b, mask);
  return v128.bitselect(a, b, mask);
}

/** The first `left` floats at `pointer` (up to four), zeros in the other lanes. */
// @ts-ignore: decorator
@inline
export function loadLanes(pointer: usize, left: i32): v128 {
  return left >= 4 ? v128.load(pointer) : loadTail(pointer, left);
}

/** Writes the first `left` lanes (up to four) to `pointer`. */
// @ts-ignore: decorator
@inline
export function storeLanes(pointer: usize, value: v128, left: i32): void {
  if (left >= 4) v128.store(pointer, value);
  else storeTail(pointer, value, left);
}

function loadTail(pointer: usize, left: i32): v128 {
  let value = f32x4.splat(0);
  if (left > 0) value = f32x4.replace_lane(value, 0, load<f32>(pointer));
  if (left > 1) value = f32x4.replace_lane(value, 1, load<f32>(pointer, 4));
  if (left > 2) value = f32x4.replace_lane(value, 2, load<f32>(pointer, 8));
  return value;
}

function storeTail(pointer: usize, value: v128, left: i32): void {
  if (left > 0) store<f32>(pointer, f32x4.extract_lane(value, 0));
  if (left > 1) store<f32>(pointer, f32x4.extract_lane(value, 1), 4);
  if (left > 2) store<f32>(pointer, f32x4.extract_lane(value, 2), 8);
}

/** `value` with the lanes from `left` on replaced by `filler`: keeps a tail's empty lanes out of a sum or a maximum. */
export function keepLanes(value: v128, left: i32, filler: f32): v128 {
  const lane = i32x4(0, 1, 2, 3);
  return v128.bitselect(value, f32x4.splat(filler), i32x4.lt_s(lane, i32x4.splat(left)));
}

export function sumLanes(value: v128): f32 {
  const pairs = f32x4.add(value, v128.shuffle<f32>(value, value, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

export function maxLanes(value: v128): f32 {
  const pairs = f32x4.pmax(value, v128.shuffle<f32>(value, value, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}
