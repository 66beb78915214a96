// Rows taken, given back, copied and normalised.
import { element, floatAt, integerAt, pointerAt } from "./arguments";
import { transposeRows } from "./pack";
import { loadLanes, multiplyAdd, storeLanes, sumLanes } from "./simd";

/** Slots: 0 x, 1 y, 2 count, 3 chunk size. */
export function copy(args: usize, chunk: i32, _scratch: usize): void {
  const begin = chunk * integerAt(args, 3);
  const count = min(integerAt(args, 3), integerAt(args, 2) - begin);
  memory.copy(element(pointerAt(args, 1), begin), element(pointerAt(args, 0), begin), <usize>count << 2);
}

/** y[k] = x[indices[k]]. Slots: 0 x [R,C], 1 y [K,C], 2 indices, 3 K, 4 C, 5 rows per chunk. */
export function gatherRows(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 4);
  const begin = chunk * integerAt(args, 5);
  const end = min(begin + integerAt(args, 5), integerAt(args, 3));
  for (let k = begin; k < end; k++) {
    const row = load<i32>(element(pointerAt(args, 2), k));
    memory.copy(element(pointerAt(args, 1), k * width), element(pointerAt(args, 0), row * width), <usize>width << 2);
  }
}

/**
 * dx[indices[k]] += dy[k] over a share of the columns, so that repeated indices never meet on two threads.
 * Slots: 0 dy [K,C], 1 dx [R,C], 2 indices, 3 K, 4 C, 5 columns per chunk, 6 R.
 */
export function scatterRows(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 4);
  const begin = chunk * integerAt(args, 5);
  const count = min(integerAt(args, 5), width - begin);
  const dx = element(pointerAt(args, 1), begin);
  for (let row: i32 = 0; row < integerAt(args, 6); row++) memory.fill(element(dx, row * width), 0, <usize>count << 2);
  for (let k: i32 = 0; k < integerAt(args, 3); k++) {
    const dy = element(pointerAt(args, 0), k * width + begin);
    const to = element(dx, load<i32>(element(pointerAt(args, 2), k)) * width);
    for (let i: i32 = 0; i < count; i += 4) {
      storeLanes(element(to, i), f32x4.add(loadLanes(element(to, i), count - i), loadLanes(element(dy, i), count - i)), count - i);
    }
  }
}

function dot(a: usize, b: usize, width: i32): f32 {
  let sums = f32x4.splat(0);
  for (let i: i32 = 0; i < width; i += 4) sums = multiplyAdd(loadLanes(element(a, i), width - i), loadLanes(element(b, i), width - i), sums);
  return sumLanes(sums);
}

/** y = factor x + other weight, over one row. */
function combine(x: usize, factor: f32, other: usize, weight: f32, y: usize, width: i32): void {
  for (let i: i32 = 0; i < width; i += 4) {
    const left = width - i;
    const scaled = f32x4.mul(loadLanes(element(x, i), left), f32x4.splat(factor));
    storeLanes(element(y, i), multiplyAdd(loadLanes(element(other, i), left), f32x4.splat(weight), scaled), left);
  }
}

/** y = x g / max(||x||, epsilon), g given per row or 1. Slots: 0 x, 1 g or 0, 2 y, 3 norm, 4 R, 5 D, 6 rows per chunk, 7 epsilon. */
export function normalizeRows(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 5);
  const begin = chunk * integerAt(args, 6);
  const end = min(begin + integerAt(args, 6), integerAt(args, 4));
  const gains = pointerAt(args, 1);
  for (let row = begin; row < end; row++) {
    const x = element(pointerAt(args, 0), row * width);
    const norm = sqrt<f32>(dot(x, x, width));
    const gain: f32 = gains === 0 ? 1 : load<f32>(element(gains, row));
    const divisor = max<f32>(norm, floatAt(args, 7));
    combine(x, gain / divisor, x, 0, element(pointerAt(args, 2), row * width), width);
    store<f32>(element(pointerAt(args, 3), row), norm);
  }
}

/**
 * dx = (dy - y (y·dy)) / norm where norm >= epsilon, dy / epsilon elsewhere.
 * Slots: 0 dy, 1 y, 2 norm, 3 dx, 4 R, 5 D, 6 rows per chunk, 7 epsilon.
 */
export function normalizeRowsGrad(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 5);
  const begin = chunk * integerAt(args, 6);
  const end = min(begin + integerAt(args, 6), integerAt(args, 4));
  const epsilon = floatAt(args, 7);
  for (let row = begin; row < end; row++) {
    const at = element(0, row * width);
    const dy = pointerAt(args, 0) + at;
    const y = pointerAt(args, 1) + at;
    const norm = load<f32>(element(pointerAt(args, 2), row));
    const free = norm >= epsilon;
    const weight: f32 = free ? -dot(y, dy, width) / norm : 0;
    combine(dy, 1 / (free ? norm : epsilon), y, weight, pointerAt(args, 3) + at, width);
  }
}

/**
 * w = g v / norm: dg = v·dy / norm, dv = g / norm (dy - v (v·dy) / norm²).
 * Slots: 0 dy, 1 v, 2 g, 3 norm, 4 dv, 5 dg, 6 K, 7 D, 8 rows per chunk.
 */
export function weightNormGrad(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 7);
  const begin = chunk * integerAt(args, 8);
  const end = min(begin + integerAt(args, 8), integerAt(args, 6));
  for (let row = begin; row < end; row++) {
    const at = element(0, row * width);
    const dy = pointerAt(args, 0) + at;
    const v = pointerAt(args, 1) + at;
    const norm = load<f32>(element(pointerAt(args, 3), row));
    const gain = load<f32>(element(pointerAt(args, 2), row)) / norm;
    const along = dot(v, dy, width) / norm;
    combine(dy, gain, v, (-gain * along) / norm, pointerAt(args, 4) + at, width);
    store<f32>(element(pointerAt(args, 5), row), along);
  }
}

/** y = xᵀ for a share of the rows. Slots: 0 x [R,C], 1 y [C,R], 2 R, 3 C, 4 rows per chunk. */
export function transpose(args: usize, chunk: i32, _scratch: usize): void {
  const rows = integerAt(args, 2);
  const begin = chunk * integerAt(args, 4);
  transposeRows(pointerAt(args, 0), pointerAt(args, 1), rows, integerAt(args, 3), begin, min(begin + integerAt(args, 4), rows));
}
