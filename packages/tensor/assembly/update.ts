// What runs over all parameters once a step, in place.
import { element, floatAt, integerAt, pointerAt } from "./arguments";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/**
 * AdamW with decoupled weight decay (arXiv 1711.05101, in the order of torch.optim.AdamW). Slots: 0 parameter, 1 gradient,
 * 2 first moment, 3 second moment, 4 count, 5 chunk size, 6 1 - learning rate * decay, 7 beta1, 8 beta2,
 * 9 learning rate / first correction, 10 1 / sqrt(second correction), 11 epsilon, 12 1 - beta1, 13 1 - beta2, 14 what the
 * gradient is multiplied by.
 */
export function adamW(args: usize, chunk: i32, _scratch: usize): void {
  const begin = chunk * integerAt(args, 5);
  const count = min(integerAt(args, 5), integerAt(args, 4) - begin);
  const at = element(0, begin);
  const parameter = pointerAt(args, 0) + at;
  const gradient = pointerAt(args, 1) + at;
  const first = pointerAt(args, 2) + at;
  const second = pointerAt(args, 3) + at;
  for (let i: i32 = 0; i < count; i += 4) {
    const left = count - i;
    const g = f32x4.mul(loadLanes(element(gradient, i), left), f32x4.splat(floatAt(args, 14)));
    const m = multiplyAdd(g, f32x4.splat(floatAt(args, 12)), f32x4.mul(loadLanes(element(first, i), left), f32x4.splat(floatAt(args, 7))));
    const squared = f32x4.mul(g, g);
    const v = multiplyAdd(squared, f32x4.splat(floatAt(args, 13)), f32x4.mul(loadLanes(element(second, i), left), f32x4.splat(floatAt(args, 8))));
    const divisor = multiplyAdd(f32x4.sqrt(v), f32x4.splat(floatAt(args, 10)), f32x4.splat(floatAt(args, 11)));
    const decayed = f32x4.mul(loadLanes(element(parameter, i), left), f32x4.splat(floatAt(args, 6)));
    const move = f32x4.div(f32x4.mul(m, f32x4.splat(floatAt(args, 9))), divisor);
    storeLanes(element(first, i), m, left);
    storeLanes(element(second, i), v, left);
    storeLanes(element(parameter, i), f32x4.sub(decayed, move), left);
  }
}

/** teacher = momentum teacher + (1 - momentum) student. Slots: 0 teacher, 1 student, 2 count, 3 chunk size, 4 momentum, 5 1 - momentum. */
export function ema(args: usize, chunk: i32, _scratch: usize): void {
  const begin = chunk * integerAt(args, 3);
  const count = min(integerAt(args, 3), integerAt(args, 2) - begin);
  const teacher = element(pointerAt(args, 0), begin);
  const student = element(pointerAt(args, 1), begin);
  for (let i: i32 = 0; i < count; i += 4) {
    const left = count - i;
    const kept = f32x4.mul(loadLanes(element(teacher, i), left), f32x4.splat(floatAt(args, 4)));
    storeLanes(element(teacher, i), multiplyAdd(loadLanes(element(student, i), left), f32x4.splat(floatAt(args, 5)), kept), left);
  }
}

/** Sum of squares per chunk, gathered in float64. Slots: 0 x, 1 sums (float64 [chunks]), 2 count, 3 chunk size. */
export function squareSums(args: usize, chunk: i32, _scratch: usize): void {
  const begin = chunk * integerAt(args, 3);
  const count = min(integerAt(args, 3), integerAt(args, 2) - begin);
  const x = element(pointerAt(args, 0), begin);
  let low = f64x2.splat(0);
  let high = f64x2.splat(0);
  for (let i: i32 = 0; i < count; i += 4) {
    const value = loadLanes(element(x, i), count - i);
    const a = f64x2.promote_low_f32x4(value);
    const b = f64x2.promote_low_f32x4(v128.shuffle<f32>(value, value, 2, 3, 0, 1));
    low = f64x2.add(low, f64x2.mul(a, a));
    high = f64x2.add(high, f64x2.mul(b, b));
  }
  const sums = f64x2.add(low, high);
  store<f64>(pointerAt(args, 1) + (<usize>chunk << 3), f64x2.extract_lane(sums, 0) + f64x2.extract_lane(sums, 1));
}
