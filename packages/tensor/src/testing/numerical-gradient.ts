/**
 * The gradient of a scalar function of many numbers by central differences, each coordinate in turn.
 * In float64 with the default step the error is about 1e-10 for functions of size and curvature 1.
 */
export function numericalGradient(
  compute: (at: Float64Array) => number,
  at: Float64Array,
  step = 1e-5,
): Float64Array {
  return Float64Array.from(at, (_, i) => slope(compute, at, (moved, by) => (moved[i]! += by), step));
}

/** The derivative of `compute` at `at` along `direction`: two evaluations, whatever the number of coordinates. */
export function directionalDerivative(
  compute: (at: Float64Array) => number,
  at: Float64Array,
  direction: Float64Array,
  step = 1e-5,
): number {
  const move = (moved: Float64Array, by: number) => direction.forEach((d, i) => (moved[i]! += by * d));
  return slope(compute, at, move, step);
}

function slope(
  compute: (at: Float64Array) => number,
  at: Float64Array,
  move: (at: Float64Array, by: number) => void,
  step: number,
): number {
  const [ahead, behind] = [Float64Array.from(at), Float64Array.from(at)];
  move(ahead, step);
  move(behind, -step);
  return (compute(ahead) - compute(behind)) / (2 * step);
}
