// Bicubic resizing of one axis as a matrix, in the two forms that `torch.nn.functional.interpolate` has.
// A resized grid is then `rows · grid · columnsᵀ`, two small products, and its gradient costs nothing to write.

export interface ResizeOptions {
  /** Widen the kernel when shrinking, as PIL does. */
  readonly antialias: boolean;
  /** Added to the target size before the scale is taken (`scale_factor = (size + offset) / source size`). */
  readonly offset: number;
}

/** The cubic convolution kernel (Keys 1981) with the free parameter `a`. */
function cubicKernel(distance: number, a: number): number {
  const x = Math.abs(distance);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

/**
 * Weights [target, source], row-major: target cell i reads source cell j with weight `[i * source + j]`.
 * Cell centres are at half-integers (`align_corners=False`). Rows sum to one.
 */
export function cubicResizeWeights(source: number, target: number, { antialias, offset }: ResizeOptions): Float32Array {
  const step = source / (target + offset);
  const weights = new Float32Array(target * source);
  for (let i = 0; i < target; i++) {
    const row = weights.subarray(i * source, (i + 1) * source);
    if (antialias) fillAntialiasedRow(row, (i + 0.5) * step, Math.max(step, 1));
    else fillPlainRow(row, (i + 0.5) * step - 0.5);
  }
  return weights;
}

/** Four taps around `position`; cells beyond the border repeat the border cell. torch takes a = -0.75 here. */
function fillPlainRow(row: Float32Array, position: number): void {
  const first = Math.floor(position) - 1;
  for (let tap = first; tap < first + 4; tap++) {
    const cell = Math.min(Math.max(tap, 0), row.length - 1);
    row[cell]! += cubicKernel(position - tap, -0.75);
  }
}

/** Every cell within two (stretched) units of `centre`, normalised over what lies inside. Here a = -0.5, as in PIL. */
function fillAntialiasedRow(row: Float32Array, centre: number, stretch: number): void {
  const first = Math.max(Math.trunc(centre - 2 * stretch + 0.5), 0);
  const end = Math.min(Math.trunc(centre + 2 * stretch + 0.5), row.length);
  let sum = 0;
  for (let cell = first; cell < end; cell++) {
    row[cell] = cubicKernel((cell + 0.5 - centre) / stretch, -0.5);
    sum += row[cell]!;
  }
  for (let cell = first; cell < end; cell++) row[cell]! /= sum;
}
