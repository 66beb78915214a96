import { element, integerAt, pointerAt } from "./arguments";
import { expBounded } from "./exponential";
import { loadLanes, storeLanes } from "./simd";

// @ts-ignore: decorator
@inline
function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), expBounded(f32x4.neg(x))));
}

/** y = silu(x[:, :H]) x[:, H:]. Slots: 0 x [R,2H], 1 y [R,H], 2 R, 3 H, 4 rows per chunk. */
export function swiglu(args: usize, chunk: i32, _scratch: usize): void {
  const hidden = integerAt(args, 3);
  const begin = chunk * integerAt(args, 4);
  const end = min(begin + integerAt(args, 4), integerAt(args, 2));
  for (let row = begin; row < end; row++) {
    const gate = element(pointerAt(args, 0), row * 2 * hidden);
    const value = element(gate, hidden);
    const y = element(pointerAt(args, 1), row * hidden);
    for (let i: i32 = 0; i < hidden; i += 4) {
      const left = hidden - i;
      const g = loadLanes(element(gate, i), left);
      storeLanes(element(y, i), f32x4.mul(f32x4.mul(g, sigmoid(g)), loadLanes(element(value, i), left)), left);
    }
  }
}

/** Slots: 0 dy [R,H], 1 x [R,2H], 2 dx [R,2H], 3 R, 4 H, 5 rows per chunk. */
export function swigluGrad(args: usize, chunk: i32, _scratch: usize): void {
  const hidden = integerAt(args, 4);
  const begin = chunk * integerAt(args, 5);
  const end = min(begin + integerAt(args, 5), integerAt(args, 3));
  for (let row = begin; row < end; row++) {
    const dy = element(pointerAt(args, 0), row * hidden);
    const gate = element(pointerAt(args, 1), row * 2 * hidden);
    const value = element(gate, hidden);
    const dGate = element(pointerAt(args, 2), row * 2 * hidden);
    const dValue = element(dGate, hidden);
    for (let i: i32 = 0; i < hidden; i += 4) {
      const left = hidden - i;
      const g = loadLanes(element(gate, i), left);
      const slope = loadLanes(element(dy, i), left);
      const s = sigmoid(g);
      const silu = f32x4.mul(g, s);
      // silu' = s (1 + g (1 - s)) = s + silu (1 - s)
      const derivative = f32x4.add(s, f32x4.mul(silu, f32x4.sub(f32x4.splat(1), s)));
      storeLanes(element(dGate, i), f32x4.mul(f32x4.mul(slope, loadLanes(element(value, i), left)), derivative), left);
      storeLanes(element(dValue, i), f32x4.mul(slope, silu), left);
    }
  }
}
