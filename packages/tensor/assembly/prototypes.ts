// Over K prototypes: the cross-entropy of a student's logits against a teacher's probabilities, with no
// buffer of K beside the inputs, and Sinkhorn-Knopp as two scaling vectors over one matrix.
import { element, floatAt, integerAt, pointerAt } from "./arguments";
import { expBounded, logScalar } from "./exponential";
import { keepLanes, loadLanes, maxLanes, multiplyAdd, storeLanes, sumLanes } from "./simd";

/**
 * loss = mass logSumExp - Σ teacher student / temperature. Slots: 0 student [R,K], 1 teacher [R,K], 2 loss [R],
 * 3 logSumExp [R], 4 mass [R], 5 R, 6 K, 7 rows per chunk, 8 1 / temperature.
 */
export function crossEntropy(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 6);
  const begin = chunk * integerAt(args, 7);
  const end = min(begin + integerAt(args, 7), integerAt(args, 5));
  const sharpness = f32x4.splat(floatAt(args, 8));
  for (let row = begin; row < end; row++) {
    const student = element(pointerAt(args, 0), row * width);
    const teacher = element(pointerAt(args, 1), row * width);
    let largest = f32x4.splat(-Infinity);
    for (let i: i32 = 0; i < width; i += 4) {
      const value = loadLanes(element(student, i), width - i);
      largest = f32x4.pmax(largest, width - i >= 4 ? value : keepLanes(value, width - i, -Infinity));
    }
    const maximum = maxLanes(largest);
    let sums = f32x4.splat(0);
    let mass = f32x4.splat(0);
    let agreement = f32x4.splat(0);
    let i: i32 = 0;
    for (; i + 8 <= width; i += 8) {
      const low = f32x4.mul(f32x4.sub(v128.load(element(student, i)), f32x4.splat(maximum)), sharpness);
      const high = f32x4.mul(f32x4.sub(v128.load(element(student, i), 16), f32x4.splat(maximum)), sharpness);
      const lowProbability = v128.load(element(teacher, i));
      const highProbability = v128.load(element(teacher, i), 16);
      sums = f32x4.add(sums, f32x4.add(expBounded(low), expBounded(high)));
      mass = f32x4.add(mass, f32x4.add(lowProbability, highProbability));
      agreement = multiplyAdd(highProbability, high, multiplyAdd(lowProbability, low, agreement));
    }
    for (; i < width; i += 4) {
      const left = width - i;
      const scaled = f32x4.mul(f32x4.sub(loadLanes(element(student, i), left), f32x4.splat(maximum)), sharpness);
      const probability = loadLanes(element(teacher, i), left);
      const value = expBounded(scaled);
      sums = f32x4.add(sums, left >= 4 ? value : keepLanes(value, left, 0));
      mass = f32x4.add(mass, probability);
      agreement = multiplyAdd(probability, scaled, agreement);
    }
    const logSum = logScalar(<f64>sumLanes(sums));
    const total = <f64>sumLanes(mass);
    store<f32>(element(pointerAt(args, 2), row), <f32>(total * logSum - <f64>sumLanes(agreement)));
    store<f32>(element(pointerAt(args, 3), row), <f32>(logSum + <f64>maximum * <f64>floatAt(args, 8)));
    store<f32>(element(pointerAt(args, 4), row), <f32>total);
  }
}

/**
 * dStudent = dy / temperature (mass softmax(student / temperature) - teacher). Slots: 0 dy [R], 1 student, 2 teacher,
 * 3 logSumExp, 4 mass, 5 dStudent, 6 R, 7 K, 8 rows per chunk, 9 1 / temperature.
 */
export function crossEntropyGrad(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 7);
  const begin = chunk * integerAt(args, 8);
  const end = min(begin + integerAt(args, 8), integerAt(args, 6));
  const sharpness = floatAt(args, 9);
  for (let row = begin; row < end; row++) {
    const at = element(0, row * width);
    const slope = f32x4.splat(load<f32>(element(pointerAt(args, 0), row)) * sharpness);
    const logSum = f32x4.splat(load<f32>(element(pointerAt(args, 3), row)));
    const mass = f32x4.splat(load<f32>(element(pointerAt(args, 4), row)));
    for (let i: i32 = 0; i < width; i += 4) {
      const left = width - i;
      const student = loadLanes(element(pointerAt(args, 1) + at, i), left);
      const teacher = loadLanes(element(pointerAt(args, 2) + at, i), left);
      const probability = expBounded(f32x4.sub(f32x4.mul(student, f32x4.splat(sharpness)), logSum));
      storeLanes(element(pointerAt(args, 5) + at, i), f32x4.mul(slope, f32x4.sub(f32x4.mul(mass, probability), teacher)), left);
    }
  }
}

/** The largest of each column of a share of rows. Slots: 0 x [R,K], 1 partial [chunks,K], 2 R, 3 K, 4 rows per chunk. */
export function columnMaxima(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 3);
  const begin = chunk * integerAt(args, 4);
  const end = min(begin + integerAt(args, 4), integerAt(args, 2));
  const to = element(pointerAt(args, 1), chunk * width);
  memory.copy(to, element(pointerAt(args, 0), begin * width), <usize>width << 2);
  for (let row = begin + 1; row < end; row++) {
    const from = element(pointerAt(args, 0), row * width);
    for (let i: i32 = 0; i < width; i += 4) {
      storeLanes(element(to, i), f32x4.pmax(loadLanes(element(to, i), width - i), loadLanes(element(from, i), width - i)), width - i);
    }
  }
}

/** y[k] = the largest of partial[chunk][k]. Slots: 0 partial [chunks,K], 1 y [K], 2 chunks, 3 K, 4 columns per chunk. */
export function maximumOfPartials(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 3);
  const begin = chunk * integerAt(args, 4);
  const end = min(begin + integerAt(args, 4), width);
  for (let i = begin; i < end; i += 4) {
    let largest = f32x4.splat(-Infinity);
    for (let row: i32 = 0; row < integerAt(args, 2); row++) {
      largest = f32x4.pmax(largest, loadLanes(element(pointerAt(args, 0), row * width + i), end - i));
    }
    storeLanes(element(pointerAt(args, 1), i), largest, end - i);
  }
}

/**
 * e = exp((logits - maxima) / temperature), and the column sums of e per chunk.
 * Slots: 0 logits [R,K], 1 maxima [K], 2 e [R,K], 3 partial [chunks,K], 4 R, 5 K, 6 rows per chunk, 7 1 / temperature.
 */
export function sinkhornStart(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 5);
  const begin = chunk * integerAt(args, 6);
  const end = min(begin + integerAt(args, 6), integerAt(args, 4));
  const sums = element(pointerAt(args, 3), chunk * width);
  const sharpness = f32x4.splat(floatAt(args, 7));
  memory.fill(sums, 0, <usize>width << 2);
  for (let row = begin; row < end; row++) {
    const at = element(0, row * width);
    for (let i: i32 = 0; i < width; i += 4) {
      const left = width - i;
      const centred = f32x4.sub(loadLanes(element(pointerAt(args, 0) + at, i), left), loadLanes(element(pointerAt(args, 1), i), left));
      const value = expBounded(f32x4.mul(centred, sharpness));
      storeLanes(element(pointerAt(args, 2) + at, i), value, left);
      storeLanes(element(sums, i), f32x4.add(loadLanes(element(sums, i), left), value), left);
    }
  }
}

/** y[k] = 1 / (factor Σ over chunks of partial[chunk][k]). Slots: 0 partial [chunks,K], 1 y [K], 2 chunks, 3 K, 4 columns per chunk, 5 factor. */
export function reciprocalSums(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 3);
  const begin = chunk * integerAt(args, 4);
  const end = min(begin + integerAt(args, 4), width);
  for (let i = begin; i < end; i += 4) {
    const left = end - i;
    let sum = f32x4.splat(0);
    for (let row: i32 = 0; row < integerAt(args, 2); row++) sum = f32x4.add(sum, loadLanes(element(pointerAt(args, 0), row * width + i), left));
    storeLanes(element(pointerAt(args, 1), i), f32x4.div(f32x4.splat(1), f32x4.mul(sum, f32x4.splat(floatAt(args, 5)))), left);
  }
}

/**
 * Per sample, u = 1 / (factor Σ_k e v); then either the column sums of u e per chunk (for the next iteration), or,
 * in the last one, e becomes e v u factor. Slots: 0 e [R,K], 1 v [K], 2 partial [chunks,K] or 0 for the last, 3 R, 4 K, 5 rows per chunk, 6 factor.
 */
export function sinkhornSweep(args: usize, chunk: i32, _scratch: usize): void {
  const width = integerAt(args, 4);
  const begin = chunk * integerAt(args, 5);
  const end = min(begin + integerAt(args, 5), integerAt(args, 3));
  const v = pointerAt(args, 1);
  const last = pointerAt(args, 2) === 0;
  const sums = element(pointerAt(args, 2), chunk * width);
  if (!last) memory.fill(sums, 0, <usize>width << 2);
  for (let row = begin; row < end; row++) {
    const e = element(pointerAt(args, 0), row * width);
    let weighted = f32x4.splat(0);
    for (let i: i32 = 0; i < width; i += 4) {
      weighted = multiplyAdd(loadLanes(element(e, i), width - i), loadLanes(element(v, i), width - i), weighted);
    }
    const total = sumLanes(weighted);
    const u = f32x4.splat(last ? 1 / total : 1 / (total * floatAt(args, 6)));
    for (let i: i32 = 0; i < width; i += 4) {
      const left = width - i;
      const value = f32x4.mul(loadLanes(element(e, i), left), u);
      if (last) storeLanes(element(e, i), f32x4.mul(value, loadLanes(element(v, i), left)), left);
      else storeLanes(element(sums, i), f32x4.add(loadLanes(element(sums, i), left), value), left);
    }
  }
}
