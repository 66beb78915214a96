// L-BFGS: Newton's method where the inverse Hessian is made of the last steps and gradients, on top of a guess of it.
//
// Source: Nocedal & Wright, Numerical Optimization, 2nd edition, algorithms 7.4 (two-loop recursion) and 7.5.

import { type LinePoint, wolfeSearch } from "./line-search.ts";

export interface Minimizable {
  /** f(x); writes its gradient. */
  evaluate(x: Float64Array, gradient: Float64Array): number;
  /** Replaces a gradient by a guess of (Hessian)⁻¹ gradient. Positive definite, the same during one minimisation. */
  precondition(gradient: Float64Array): void;
}

export interface MinimizeOptions {
  readonly maxIterations: number;
  /** Done when a step promises to make f smaller by this share of it at most. */
  readonly tolerance: number;
  /** How many last steps are remembered. */
  readonly memory?: number;
}

export interface Minimum {
  readonly x: Float64Array;
  readonly value: number;
  readonly iterations: number;
  /** How often f was computed. */
  readonly evaluations: number;
}

/** One remembered step: s = x' - x, y = g' - g, 1 / yᵀs. */
interface Correction {
  readonly s: Float64Array;
  readonly y: Float64Array;
  readonly rho: number;
}

/** A place on a line through x. */
interface Place extends LinePoint {
  readonly x: Float64Array;
  readonly gradient: Float64Array;
}

/** A local minimum of f from `start` on; of a convex f the minimum. Ends too where rounding hides every further decrease. */
export function minimize(f: Minimizable, start: Float64Array, { maxIterations, tolerance, memory = 20 }: MinimizeOptions): Minimum {
  let evaluations = 0;
  const evaluate = (x: Float64Array, step = 0, direction?: Float64Array): Place => {
    evaluations++;
    const gradient = new Float64Array(x.length);
    const value = f.evaluate(x, gradient);
    return { step, x, value, gradient, slope: direction ? dot(gradient, direction) : NaN };
  };
  let place = evaluate(start.slice());
  const corrections: Correction[] = [];
  for (let iterations = 0; ; iterations++) {
    const { x, value, gradient } = place;
    const direction = descent(gradient, corrections, f);
    const slope = dot(gradient, direction);
    const promising = -slope > tolerance * Math.abs(value);
    const along = (step: number) => evaluate(sum(x, direction, step), step, direction);
    const next = iterations < maxIterations && promising ? wolfeSearch(along, { ...place, step: 0, slope }, 1) : undefined;
    if (next === undefined) return { x, value, iterations, evaluations };
    remember(corrections, sum(next.x, x, -1), sum(next.gradient, gradient, -1), memory);
    place = next;
  }
}

/** A step over which the gradient did not grow says nothing of the Hessian. */
function remember(corrections: Correction[], s: Float64Array, y: Float64Array, memory: number): void {
  const curvature = dot(y, s);
  if (!(curvature > 0)) return;
  corrections.push({ s, y, rho: 1 / curvature });
  if (corrections.length > memory) corrections.shift();
}

/** -H gradient by the two-loop recursion. */
function descent(gradient: Float64Array, corrections: readonly Correction[], f: Minimizable): Float64Array {
  const direction = gradient.map((element) => -element);
  const alphas = corrections.map(() => 0);
  for (let i = corrections.length - 1; i >= 0; i--) {
    const { s, y, rho } = corrections[i]!;
    alphas[i] = rho * dot(s, direction);
    addScaled(direction, y, -alphas[i]!);
  }
  f.precondition(direction);
  scale(direction, guessScale(corrections.at(-1), f));
  for (const [i, { s, y, rho }] of corrections.entries()) addScaled(direction, s, alphas[i]! - rho * dot(y, direction));
  return direction;
}

/** sᵀy / yᵀPy: the factor with which the guess P fits the last step (7.20). */
function guessScale(last: Correction | undefined, f: Minimizable): number {
  if (last === undefined) return 1;
  const guess = last.y.slice();
  f.precondition(guess);
  return 1 / (last.rho * dot(last.y, guess));
}

function dot(a: Float64Array, b: Float64Array): number {
  let total = 0;
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!;
  return total;
}

function addScaled(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! += factor * b[i]!;
}

function scale(a: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! *= factor;
}

function sum(a: Float64Array, b: Float64Array, factor: number): Float64Array {
  const result = a.slice();
  addScaled(result, b, factor);
  return result;
}
