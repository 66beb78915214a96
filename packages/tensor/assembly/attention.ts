// Softmax attention of one head over one sequence, forward and backward, in blocks of query rows so
// that scores take QUERY_ROWS x L floats of scratch and never L x L. The log-sum-exp of each row is
// what the backward needs to get the probabilities again (as in FlashAttention, arXiv 2205.14135).
//
// Legend: T tokens of all sequences, L tokens of this one, D width of all heads, d width of one head.
import { element, floatAt, integerAt, pointerAt } from "./arguments";
import { expBounded, logScalar } from "./exponential";
import { packStrips } from "./pack";
import { productBlock } from "./product";
import { loadLanes, maxLanes, multiplyAdd, storeLanes, sumLanes } from "./simd";

const QUERY_ROWS: i32 = 64;

// @ts-ignore: decorator
@inline
function padded(columns: i32): i32 {
  return (columns + 7) & ~7;
}

/** Scores [rows, stride] to probabilities in place, row by row; the log-sum-exp of the scaled scores to logSums. */
function softmaxRows(scores: usize, rows: i32, length: i32, stride: i32, scale: f32, logSums: usize): void {
  for (let row: i32 = 0; row < rows; row++) {
    const line = element(scores, row * stride);
    // The columns between length and stride are not there: they must not win the maximum, and add nothing to the sum.
    for (let i = length; i < stride; i++) store<f32>(element(line, i), -Infinity);
    let largest = f32x4.splat(-Infinity);
    for (let i: i32 = 0; i < stride; i += 4) largest = f32x4.pmax(largest, v128.load(element(line, i)));
    const maximum = f32x4.splat(maxLanes(largest));
    const factor = f32x4.splat(scale);
    let sums = f32x4.splat(0);
    for (let i: i32 = 0; i < stride; i += 8) {
      const at = element(line, i);
      const low = expBounded(f32x4.mul(f32x4.sub(v128.load(at), maximum), factor));
      const high = expBounded(f32x4.mul(f32x4.sub(v128.load(at, 16), maximum), factor));
      sums = f32x4.add(sums, f32x4.add(low, high));
      v128.store(at, low);
      v128.store(at, high, 16);
    }
    const sum = sumLanes(sums);
    const share = f32x4.splat(1 / sum);
    for (let i: i32 = 0; i < stride; i += 4) v128.store(element(line, i), f32x4.mul(v128.load(element(line, i)), share));
    const logSum = <f64>f32x4.extract_lane(maximum, 0) * <f64>scale + logScalar(<f64>sum);
    store<f32>(element(logSums, row), <f32>logSum);
  }
}

/**
 * One head of one sequence. Slots: 0 qkv [T,3D], 1 output [T,D], 2 logSumExp [heads,T], 3 sequence table (start and length, two
 * integers each), 4 heads, 5 D, 6 T, 7 scale, 8 zeros, 9 pairs per chunk, 10 pairs; a pair is sequence * heads + head.
 */
export function attention(args: usize, chunk: i32, scratch: usize): void {
  const begin = chunk * integerAt(args, 9);
  const end = min(begin + integerAt(args, 9), integerAt(args, 10));
  for (let pair = begin; pair < end; pair++) attendPair(args, pair, scratch);
}

function attendPair(args: usize, pair: i32, scratch: usize): void {
  const heads = integerAt(args, 4);
  const width = integerAt(args, 5);
  const head = pair % heads;
  const sequence = pointerAt(args, 3) + (<usize>(pair / heads) << 3);
  const start = load<i32>(sequence);
  const length = load<i32>(sequence, 4);
  const headWidth = width / heads;
  const qkvStride = 3 * width;
  const zeros = pointerAt(args, 8);
  const q = element(pointerAt(args, 0), start * qkvStride + head * headWidth);
  const k = element(q, width);
  const v = element(k, width);
  const output = element(pointerAt(args, 1), start * width + head * headWidth);
  const logSums = element(pointerAt(args, 2), head * integerAt(args, 6) + start);

  const stride = padded(length);
  const packedK = scratch;
  const packedV = element(packedK, stride * headWidth);
  const scores = element(packedV, padded(headWidth) * length);
  const work = element(scores, QUERY_ROWS * stride);
  packStrips(k, qkvStride, 1, length, 8, headWidth, packedK);
  packStrips(v, 1, qkvStride, headWidth, 8, length, packedV);
  for (let row: i32 = 0; row < length; row += QUERY_ROWS) {
    const rows = min(QUERY_ROWS, length - row);
    productBlock(element(q, row * qkvStride), qkvStride, 1, rows, headWidth, packedK, stride, 0, stride, zeros, 0, 0, scores, stride, work);
    softmaxRows(scores, rows, length, stride, floatAt(args, 7), element(logSums, row));
    productBlock(scores, stride, 1, rows, length, packedV, headWidth, 0, headWidth, zeros, 0, 0, element(output, row * width), width, work);
  }
}

/** Scores to probabilities with the saved log-sum-exp, and dP to dS = P (dP - rowsum(dO O)) scale; both in place. */
function scoreGradients(
  scores: usize, dScores: usize, rows: i32, stride: i32, scale: f32, logSums: usize,
  dy: usize, output: usize, width: i32, headWidth: i32,
): void {
  for (let row: i32 = 0; row < rows; row++) {
    let along = f32x4.splat(0);
    for (let i: i32 = 0; i < headWidth; i += 4) {
      const left = headWidth - i;
      along = multiplyAdd(loadLanes(element(dy, row * width + i), left), loadLanes(element(output, row * width + i), left), along);
    }
    const delta = f32x4.splat(sumLanes(along));
    const logSum = f32x4.splat(load<f32>(element(logSums, row)));
    const factor = f32x4.splat(scale);
    for (let i: i32 = 0; i < stride; i += 8) {
      const at = element(scores, row * stride + i);
      const dAt = element(dScores, row * stride + i);
      const low = expBounded(f32x4.sub(f32x4.mul(v128.load(at), factor), logSum));
      const high = expBounded(f32x4.sub(f32x4.mul(v128.load(at, 16), factor), logSum));
      v128.store(at, low);
      v128.store(at, high, 16);
      v128.store(dAt, f32x4.mul(f32x4.mul(low, f32x4.sub(v128.load(dAt), delta)), factor));
      v128.store(dAt, f32x4.mul(f32x4.mul(high, f32x4.sub(v128.load(dAt, 16), delta)), factor), 16);
    }
  }
}

/**
 * The gradient of `attention`. Slots: 0 qkv, 1 output, 2 logSumExp, 3 sequence table, 4 heads, 5 D, 6 T, 7 scale, 8 zeros,
 * 9 pairs per chunk, 10 pairs, 11 dy [T,D], 12 dQkv [T,3D].
 */
export function attentionGrad(args: usize, chunk: i32, scratch: usize): void {
  const begin = chunk * integerAt(args, 9);
  const end = min(begin + integerAt(args, 9), integerAt(args, 10));
  for (let pair = begin; pair < end; pair++) attendPairGrad(args, pair, scratch);
}

function attendPairGrad(args: usize, pair: i32, scratch: usize): void {
  const heads = integerAt(args, 4);
  const width = integerAt(args, 5);
  const head = pair % heads;
  const sequence = pointerAt(args, 3) + (<usize>(pair / heads) << 3);
  const start = load<i32>(sequence);
  const length = load<i32>(sequence, 4);
  const headWidth = width / heads;
  const qkvStride = 3 * width;
  const zeros = pointerAt(args, 8);
  const q = element(pointerAt(args, 0), start * qkvStride + head * headWidth);
  const k = element(q, width);
  const v = element(k, width);
  const output = element(pointerAt(args, 1), start * width + head * headWidth);
  const dOutput = element(pointerAt(args, 11), start * width + head * headWidth);
  const logSums = element(pointerAt(args, 2), head * integerAt(args, 6) + start);
  const dQ = element(pointerAt(args, 12), start * qkvStride + head * headWidth);
  const dK = element(dQ, width);
  const dV = element(dK, width);

  const stride = padded(length);
  const headStride = padded(headWidth);
  const packedK = scratch;
  const packedV = element(packedK, stride * headWidth);
  const packedKey = element(packedV, stride * headWidth);
  const packedRows = element(packedKey, headStride * length);
  const scores = element(packedRows, headStride * QUERY_ROWS);
  const dScores = element(scores, QUERY_ROWS * stride);
  const work = element(dScores, QUERY_ROWS * stride);
  packStrips(k, qkvStride, 1, length, 8, headWidth, packedK);
  packStrips(v, qkvStride, 1, length, 8, headWidth, packedV);
  packStrips(k, 1, qkvStride, headWidth, 8, length, packedKey);
  for (let row: i32 = 0; row < length; row += QUERY_ROWS) {
    const rows = min(QUERY_ROWS, length - row);
    const queries = element(q, row * qkvStride);
    const dRows = element(dOutput, row * width);
    productBlock(queries, qkvStride, 1, rows, headWidth, packedK, stride, 0, stride, zeros, 0, 0, scores, stride, work);
    productBlock(dRows, width, 1, rows, headWidth, packedV, stride, 0, stride, zeros, 0, 0, dScores, stride, work);
    scoreGradients(
      scores, dScores, rows, stride, floatAt(args, 7), element(logSums, row), dRows, element(output, row * width), width, headWidth,
    );
    productBlock(
      dScores, stride, 1, rows, length, packedKey, headWidth, 0, headWidth, zeros, 0, 0, element(dQ, row * qkvStride), qkvStride, work,
    );
    // dK and dV gather over the blocks of queries: the first starts from zeros, the others from what is there.
    const first = row === 0;
    const initStride = first ? 0 : qkvStride;
    const initStep = first ? 0 : 1;
    packStrips(dRows, 1, width, headWidth, 8, rows, packedRows);
    productBlock(
      scores, 1, stride, length, rows, packedRows, headWidth, 0, headWidth, first ? zeros : dV, initStride, initStep, dV, qkvStride, work,
    );
    packStrips(queries, 1, qkvStride, headWidth, 8, rows, packedRows);
    productBlock(
      dScores, 1, stride, length, rows, packedRows, headWidth, 0, headWidth, first ? zeros : dK, initStride, initStep, dK, qkvStride, work,
    );
  }
}
