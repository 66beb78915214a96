// How far a result is from a golden number, as a share of what the manifest allows: up to 1 passes.

import type { GoldenCase } from "./golden.ts";

export interface Comparison {
  /** What was compared: a tensor's or a value's name. */
  readonly name: string;
  /** The worst error over its tolerance; at most 1 passes, Infinity for a wrong shape, NaN never passes. */
  readonly worst: number;
  /** The worst place, for the message of a failure. */
  readonly detail?: string;
}

/** `|got - expected| / (atol + rtol |expected|)`, worst over all elements; equal elements count 0. */
export function compareNumbers(
  name: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  { atol, rtol }: { atol: number; rtol: number },
): Comparison {
  if (got.length !== expected.length) {
    return { name, worst: Infinity, detail: `${got.length} elements, expected ${expected.length}` };
  }
  let worst = 0;
  let place = 0;
  for (let i = 0; i < got.length; i++) {
    const error = Math.abs(got[i]! - expected[i]!);
    const share = got[i] === expected[i] ? 0 : error / (atol + rtol * Math.abs(expected[i]!));
    if (!(share <= worst)) {
      worst = Number.isNaN(share) ? Infinity : share;
      place = i;
    }
  }
  return { name, worst, detail: `at ${place}: got ${got[place]}, expected ${expected[place]}` };
}

/** Differences in 8-bit levels: the worst one and the mean. `scale` turns a unit of `got` into levels, per element. */
export function compareLevels(
  name: string,
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: { levels_max: number; levels_mean: number },
  scale: (index: number) => number = () => 1,
): Comparison {
  if (got.length !== expected.length) {
    return { name, worst: Infinity, detail: `${got.length} elements, expected ${expected.length}` };
  }
  let largest = 0;
  let sum = 0;
  for (let i = 0; i < got.length; i++) {
    const levels = Math.abs(got[i]! - expected[i]!) * scale(i);
    largest = Math.max(largest, levels);
    sum += levels;
  }
  const mean = sum / Math.max(1, got.length);
  const share = (level: number, allowed: number) => (level === 0 ? 0 : level / allowed);
  return {
    name,
    worst: Math.max(share(largest, tolerance.levels_max), share(mean, tolerance.levels_mean)),
    detail: `max ${largest.toFixed(2)}, mean ${mean.toFixed(4)} levels`,
  };
}

/** Compares with the output tensor `name` of a case, within the manifest's own tolerance; the shape counts. */
export function compareTensor(
  golden: GoldenCase,
  name: string,
  got: { readonly shape: readonly number[]; readonly data: ArrayLike<number> },
): Comparison {
  const expected = golden.tensor(name);
  if (got.shape.join("x") !== expected.shape.join("x")) {
    return { name, worst: Infinity, detail: `shape [${got.shape.join(",")}], expected [${expected.shape.join(",")}]` };
  }
  const tolerance = golden.tolerance(name);
  if (tolerance === "exact") return compareNumbers(name, got.data, expected.data, { atol: 0, rtol: 0 });
  if (typeof tolerance !== "object") throw new Error(`${golden.id}: "${name}" has no numeric tolerance (${tolerance}).`);
  if ("levels_max" in tolerance) return compareLevels(name, got.data, expected.data, tolerance);
  return compareNumbers(name, got.data, expected.data, tolerance);
}

/** Compares with a scalar or a list among the case's values, within the manifest's own tolerance. */
export function compareValue(golden: GoldenCase, name: string, got: number | ArrayLike<number>): Comparison {
  const expected = golden.value<number | number[]>(name);
  const tolerance = golden.tolerance(name);
  const numbers = (value: number | ArrayLike<number>) => (typeof value === "number" ? [value] : value);
  if (typeof tolerance === "object" && "atol" in tolerance) {
    return compareNumbers(name, numbers(got), numbers(expected), tolerance);
  }
  if (tolerance === "exact") return compareNumbers(name, numbers(got), numbers(expected), { atol: 0, rtol: 0 });
  throw new Error(`${golden.id}: the value "${name}" has no numeric tolerance (${String(tolerance)}).`);
}

/** A statistic of ours against one of the reference, as a share of `allowed`. */
export function compareStatistic(name: string, got: number, expected: number, allowed: number): Comparison {
  const error = Math.abs(got - expected);
  return { name, worst: error === 0 ? 0 : error / allowed, detail: `got ${got}, expected ${expected} ± ${allowed}` };
}

/** A yes-or-no fact. */
export function compareFact(name: string, holds: boolean, detail: string): Comparison {
  return { name, worst: holds ? 0 : Infinity, detail };
}
