/** Where each output place of one axis reads from, and how much: Pillow's antialiased bicubic in fixed point. */
export interface ResampleTable {
  readonly length: number;
  /** First input place and number of weights, per output place. */
  readonly bounds: Int32Array;
  /** Weights with 22 fractional bits: rows of `stride`, of which the number in `bounds` count. */
  readonly weights: Int32Array;
  readonly stride: number;
}

const support = 2;
const one = 1 << 22;

/** Keys' cubic with a = -0.5 (PyTorch's own antialias-free bicubic has -0.75). */
function cubic(x: number): number {
  const a = -0.5;
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  if (distance < 2) return (((distance - 5) * distance + 8) * distance - 4) * a;
  return 0;
}

/**
 * The table that resizes an axis of `inputLength` to `outputLength`, of which only the places `start` ..
 * `start + length - 1` are made. When shrinking, the kernel widens by the same factor, so that nothing aliases. With
 * `mirrored` the output is read backwards, which flips it at no cost.
 */
export function resampleTable(
  inputLength: number,
  outputLength: number,
  { start = 0, length = outputLength, mirrored = false } = {},
): ResampleTable {
  const scale = inputLength / outputLength;
  const widening = Math.max(scale, 1);
  const reach = support * widening;
  const stride = Math.ceil(reach) * 2 + 1;
  const bounds = new Int32Array(2 * length);
  const weights = new Int32Array(stride * length);
  const row = new Float64Array(stride);
  for (let i = 0; i < length; i++) {
    const center = (start + (mirrored ? length - 1 - i : i) + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const count = Math.min(inputLength, Math.trunc(center + reach + 0.5)) - first;
    let sum = 0;
    for (let k = 0; k < count; k++) sum += row[k] = cubic((first + k - center + 0.5) * (1 / widening));
    for (let k = 0; k < count; k++) {
      const weight = (row[k]! / sum) * one;
      weights[i * stride + k] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    bounds[2 * i] = first;
    bounds[2 * i + 1] = count;
  }
  return { length, bounds, weights, stride };
}
