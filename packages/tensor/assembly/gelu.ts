import { element, integerAt, pointerAt } from "./arguments";
import { expFull, gaussian, normalDistribution } from "./exponential";
import { loadLanes, storeLanes } from "./simd";

/** y = x Φ(x) over `count` floats; x and y may be the same. */
export function geluSpan(x: usize, y: usize, count: i32): void {
  for (let i: i32 = 0; i < count; i += 4) {
    const value = loadLanes(element(x, i), count - i);
    storeLanes(element(y, i), f32x4.mul(value, normalDistribution(value, gaussian(value))), count - i);
  }
}

/** Slots: x, y, count, chunk size. */
export function gelu(args: usize, chunk: i32, _scratch: usize): void {
  const size = integerAt(args, 3);
  const begin = chunk * size;
  const count = min(size, integerAt(args, 2) - begin);
  geluSpan(element(pointerAt(args, 0), begin), element(pointerAt(args, 1), begin), count);
}

/** dx = dy (Φ(x) + x φ(x)). Slots: dy, x, dx, count, chunk size. */
export function geluGrad(args: usize, chunk: i32, _scratch: usize): void {
  const size = integerAt(args, 4);
  const begin = chunk * size;
  const count = min(size, integerAt(args, 3) - begin);
  const dy = element(pointerAt(args, 0), begin);
  const x = element(pointerAt(args, 1), begin);
  const dx = element(pointerAt(args, 2), begin);
  for (let i: i32 = 0; i < count; i += 4) {
    const value = loadLanes(element(x, i), count - i);
    const density = gaussian(value);
    const scaled = f32x4.mul(f32x4.mul(value, density), f32x4.splat(0.3989422804014327));
    const slope = f32x4.add(normalDistribution(value, density), scaled);
    storeLanes(element(dx, i), f32x4.mul(loadLanes(element(dy, i), count - i), slope), count - i);
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
