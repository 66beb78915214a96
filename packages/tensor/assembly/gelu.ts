import { element, integerAt, pointerAt } from "./arguments";
import { expFull, gaussian, normalDistribution } from "./exponential";
import { loadLanes, storeLanes } from "./simd";

// The loops below take sixteen floats a turn although a vector holds four: V8 builds every vector constant
// anew where it is used, three instructions each, and shares it only within a turn.

// @ts-ignore: decorator
@inline
function geluVector(x: v128): v128 {
  return f32x4.mul(x, normalDistribution(x, gaussian(x)));
}

/** y = x Φ(x) over `count` floats; x and y may be the same. */
export function geluSpan(x: usize, y: usize, count: i32): void {
  let i: i32 = 0;
  for (; i + 16 <= count; i += 16) {
    const from = element(x, i);
    const to = element(y, i);
    v128.store(to, geluVector(v128.load(from)));
    v128.store(to, geluVector(v128.load(from, 16)), 16);
    v128.store(to, geluVector(v128.load(from, 32)), 32);
    v128.store(to, geluVector(v128.load(from, 48)), 48);
  }
  for (; i < count; i += 4) storeLanes(element(y, i), geluVector(loadLanes(element(x, i), count - i)), count - i);
}

/** Slots: x, y, count, chunk size. */
export function gelu(args: usize, chunk: i32, _scratch: usize): void {
  const size = integerAt(args, 3);
  const begin = chunk * size;
  const count = min(size, integerAt(args, 2) - begin);
  geluSpan(element(pointerAt(args, 0), begin), element(pointerAt(args, 1), begin), count);
}

/** Φ(x) + x φ(x). */
// @ts-ignore: decorator
@inline
function geluSlope(x: v128): v128 {
  const density = gaussian(x);
  const scaled = f32x4.mul(f32x4.mul(x, density), f32x4.splat(0.3989422804014327));
  return f32x4.add(normalDistribution(x, density), scaled);
}

/** dx = dy (Φ(x) + x φ(x)). Slots: dy, x, dx, count, chunk size. */
export function geluGrad(args: usize, chunk: i32, _scratch: usize): void {
  const size = integerAt(args, 4);
  const begin = chunk * size;
  const count = min(size, integerAt(args, 3) - begin);
  const dy = element(pointerAt(args, 0), begin);
  const x = element(pointerAt(args, 1), begin);
  const dx = element(pointerAt(args, 2), begin);
  let i: i32 = 0;
  for (; i + 16 <= count; i += 16) {
    const slope = element(dy, i);
    const from = element(x, i);
    const to = element(dx, i);
    v128.store(to, f32x4.mul(v128.load(slope), geluSlope(v128.load(from))));
    v128.store(to, f32x4.mul(v128.load(slope, 16), geluSlope(v128.load(from, 16))), 16);
    v128.store(to, f32x4.mul(v128.load(slope, 32), geluSlope(v128.load(from, 32))), 32);
    v128.store(to, f32x4.mul(v128.load(slope, 48), geluSlope(v128.load(from, 48))), 48);
  }
  for (; i < count; i += 4) {
    const left = count - i;
    storeLanes(element(dx, i), f32x4.mul(loadLanes(element(dy, i), left), geluSlope(loadLanes(element(x, i), left))), left);
  }
}

/** y = exp(x). Slots: x, y, count, chunk size. */
export function exponential(args: usize, chunk: i32, _scratch: usize): void {
  const size = integerAt(args, 3);
  const begin = chunk * size;
  const count = min(size, integerAt(args, 2) - begin);
  const x = element(pointerAt(args, 0), begin);
  const y = element(pointerAt(args, 1), begin);
  for (let i: i32 = 0; i < count; i += 4) storeLanes(element(y, i), expFull(loadLanes(element(x, i), count - i)), count - i);
}
