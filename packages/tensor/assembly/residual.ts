// Residual branches: scaled per channel (layer scale), over the whole batch or over a subset of it
// (stochastic depth that drops samples before the branch runs).
import { element, integerAt, pointerAt } from "./arguments";
import { loadLanes, multiplyAdd, storeLanes } from "./simd";

/** y = x + residual gamma. Slots: 0 x, 1 residual, 2 gamma [D], 3 y, 4 R, 5 D, 6 rows per chunk. */
export function layerScale(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 5);
  const begin = chunk * integerAt(args, 6);
  const end = min(begin + integerAt(args, 6), integerAt(args, 4));
  for (let row = begin; row < end; row++) {
    const at = element(0, row * width);
    addScaled(pointerAt(args, 0) + at, pointerAt(args, 1) + at, pointerAt(args, 2), 1, pointerAt(args, 3) + at, width);
  }
}

/** y = x + scale gamma residual over one row; gamma 0 (no pointer) stands for ones. */
function addScaled(x: usize, residual: usize, gamma: usize, scale: f32, y: usize, width: i32): void {
  const factor = f32x4.splat(scale);
  for (let i: i32 = 0; i < width; i += 4) {
    const left = width - i;
    const scaled = gamma === 0 ? factor : f32x4.mul(factor, loadLanes(element(gamma, i), left));
    storeLanes(element(y, i), multiplyAdd(loadLanes(element(residual, i), left), scaled, loadLanes(element(x, i), left)), left);
  }
}

/** dResidual = scale gamma dy over one row, and dGamma += scale dy residual (gamma 0: neither is scaled nor gathered). */
function scaledGradient(dy: usize, residual: usize, gamma: usize, scale: f32, dResidual: usize, dGamma: usize, width: i32): void {
  const factor = f32x4.splat(scale);
  for (let i: i32 = 0; i < width; i += 4) {
    const left = width - i;
    const slope = f32x4.mul(loadLanes(element(dy, i), left), factor);
    if (gamma === 0) {
      storeLanes(element(dResidual, i), slope, left);
      continue;
    }
    storeLanes(element(dResidual, i), f32x4.mul(slope, loadLanes(element(gamma, i), left)), left);
    const gathered = multiplyAdd(slope, loadLanes(element(residual, i), left), loadLanes(element(dGamma, i), left));
    storeLanes(element(dGamma, i), gathered, left);
  }
}

/** Slots: 0 dy, 1 residual, 2 gamma, 3 dResidual, 4 partial dGamma [chunks,D], 5 R, 6 D, 7 rows per chunk. */
export function layerScaleGrad(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 6);
  const begin = chunk * integerAt(args, 7);
  const end = min(begin + integerAt(args, 7), integerAt(args, 5));
  const dGamma = element(pointerAt(args, 4), chunk * width);
  memory.fill(dGamma, 0, <usize>(4 * width));
  for (let row = begin; row < end; row++) {
    const at = element(0, row * width);
    scaledGradient(pointerAt(args, 0) + at, pointerAt(args, 1) + at, pointerAt(args, 2), 1, pointerAt(args, 3) + at, dGamma, width);
  }
}

/**
 * y[indices[k]] += scales[k] gamma residual[k]. Slots: 0 y [B,N,D], 1 residual [K,N,D], 2 gamma or 0, 3 indices, 4 N, 5 D,
 * 6 scales, 7 K, 8 samples per chunk.
 */
export function addSubset(args: usize, chunk: i32, _scratch: usize): void {
  const tokens = integerAt(args, 4);
  const width = integerAt(args, 5);
  const begin = chunk * integerAt(args, 8);
  const end = min(begin + integerAt(args, 8), integerAt(args, 7));
  for (let k = begin; k < end; k++) {
    const y = element(pointerAt(args, 0), load<i32>(element(pointerAt(args, 3), k)) * tokens * width);
    const residual = element(pointerAt(args, 1), k * tokens * width);
    const scale = load<f32>(element(pointerAt(args, 6), k));
    for (let token: i32 = 0; token < tokens; token++) {
      const at = y + element(0, token * width);
      addScaled(at, residual + element(0, token * width), pointerAt(args, 2), scale, at, width);
    }
  }
}

/** Slots as addSubset's, with dy in the place of y; 9 dResidual [K,N,D], 10 partial dGamma [chunks,D]. */
export function addSubsetGrad(args: usize, chunk: i32, _scratch: usize): void {
  const tokens = integerAt(args, 4);
  const width = integerAt(args, 5);
  const begin = chunk * integerAt(args, 8);
  const end = min(begin + integerAt(args, 8), integerAt(args, 7));
  const dGamma = element(pointerAt(args, 10), chunk * width);
  memory.fill(dGamma, 0, <usize>(4 * width));
  for (let k = begin; k < end; k++) {
    const dy = element(pointerAt(args, 0), load<i32>(element(pointerAt(args, 3), k)) * tokens * width);
    const own = element(0, k * tokens * width);
    const scale = load<f32>(element(pointerAt(args, 6), k));
    for (let token: i32 = 0; token < tokens; token++) {
      const at = element(0, token * width);
      scaledGradient(
        dy + at, pointerAt(args, 1) + own + at, pointerAt(args, 2), scale, pointerAt(args, 9) + own + at, dGamma, width,
      );
    }
  }
}
