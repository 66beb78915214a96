// Layer norm over the rows of x [R,D]. Sums over all rows (dWeight, dBias) are gathered per chunk of rows
// and added in the order of the chunks, so that a result does not depend on the number of threads.
import { element, floatAt, integerAt, pointerAt } from "./arguments";
import { loadLanes, keepLanes, multiplyAdd, storeLanes, sumLanes } from "./simd";

/** Slots: 0 x, 1 weight, 2 bias, 3 y, 4 mean, 5 rstd, 6 R, 7 D, 8 rows per chunk, 9 epsilon. */
export function layerNorm(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 7);
  const begin = chunk * integerAt(args, 8);
  const end = min(begin + integerAt(args, 8), integerAt(args, 6));
  const weight = pointerAt(args, 1);
  const bias = pointerAt(args, 2);
  for (let row = begin; row < end; row++) {
    const x = element(pointerAt(args, 0), row * width);
    const y = element(pointerAt(args, 3), row * width);
    let sums = f32x4.splat(0);
    for (let i: i32 = 0; i < width; i += 4) sums = f32x4.add(sums, loadLanes(element(x, i), width - i));
    const mean = sumLanes(sums) / <f32>width;
    let squares = f32x4.splat(0);
    for (let i: i32 = 0; i < width; i += 4) {
      const centred = f32x4.sub(loadLanes(element(x, i), width - i), f32x4.splat(mean));
      const kept = width - i >= 4 ? centred : keepLanes(centred, width - i, 0);
      squares = multiplyAdd(kept, kept, squares);
    }
    const rstd: f32 = 1 / sqrt<f32>(sumLanes(squares) / <f32>width + floatAt(args, 9));
    for (let i: i32 = 0; i < width; i += 4) {
      const left = width - i;
      const normal = f32x4.mul(f32x4.sub(loadLanes(element(x, i), left), f32x4.splat(mean)), f32x4.splat(rstd));
      storeLanes(element(y, i), multiplyAdd(normal, loadLanes(element(weight, i), left), loadLanes(element(bias, i), left)), left);
    }
    store<f32>(element(pointerAt(args, 4), row), mean);
    store<f32>(element(pointerAt(args, 5), row), rstd);
  }
}

/**
 * With n the normalised x and g = dy weight: dx = rstd (g - mean(g) - n mean(g n)); per chunk, partial gets
 * [sum dy n | sum dy]. Slots: 0 dy, 1 x, 2 weight, 3 mean, 4 rstd, 5 dx, 6 partial [chunks,2D], 7 R, 8 D, 9 rows per chunk.
 */
export function layerNormGrad(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 8);
  const begin = chunk * integerAt(args, 9);
  const end = min(begin + integerAt(args, 9), integerAt(args, 7));
  const weight = pointerAt(args, 2);
  const dWeight = element(pointerAt(args, 6), chunk * 2 * width);
  const dBias = element(dWeight, width);
  memory.fill(dWeight, 0, <usize>(8 * width));
  for (let row = begin; row < end; row++) {
    const at = row * width;
    const dy = element(pointerAt(args, 0), at);
    const x = element(pointerAt(args, 1), at);
    const dx = element(pointerAt(args, 5), at);
    const mean = f32x4.splat(load<f32>(element(pointerAt(args, 3), row)));
    const rstd = f32x4.splat(load<f32>(element(pointerAt(args, 4), row)));
    let sums = f32x4.splat(0);
    let products = f32x4.splat(0);
    for (let i: i32 = 0; i < width; i += 4) {
      const left = width - i;
      const slope = loadLanes(element(dy, i), left);
      const normal = f32x4.mul(f32x4.sub(loadLanes(element(x, i), left), mean), rstd);
      const g = f32x4.mul(slope, loadLanes(element(weight, i), left));
      sums = f32x4.add(sums, g);
      products = multiplyAdd(g, normal, products);
      storeLanes(element(dWeight, i), multiplyAdd(slope, normal, loadLanes(element(dWeight, i), left)), left);
      storeLanes(element(dBias, i), f32x4.add(slope, loadLanes(element(dBias, i), left)), left);
    }
    const meanG = f32x4.splat(sumLanes(sums) / <f32>width);
    const meanProduct = f32x4.splat(sumLanes(products) / <f32>width);
    for (let i: i32 = 0; i < width; i += 4) {
      const left = width - i;
      const normal = f32x4.mul(f32x4.sub(loadLanes(element(x, i), left), mean), rstd);
      const g = f32x4.mul(loadLanes(element(dy, i), left), loadLanes(element(weight, i), left));
      storeLanes(element(dx, i), f32x4.mul(rstd, f32x4.sub(f32x4.sub(g, meanG), f32x4.mul(normal, meanProduct))), left);
    }
  }
}
