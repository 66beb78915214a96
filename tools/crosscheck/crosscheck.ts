// What a check is: it computes something here, asks Python for the same, and says how far apart they are.

import { RandomStream } from "@dinov2/foundation";

/** How far apart two sides are in something. */
export interface Difference {
  readonly what: string;
  readonly worst: number;
  readonly allowed: number;
}

export interface Row {
  readonly check: string;
  /** Library and version, or why there is none. */
  readonly beside: string;
  readonly what: string;
  readonly worst: number | null;
  readonly allowed: number | null;
  readonly agrees: boolean | null;
}

/** Sends a request to the Python side. */
export type Ask = <T>(request: object) => Promise<T>;

export interface Crosscheck {
  readonly name: string;
  /** The Python library that it needs beside numpy. */
  readonly library: string;
  run(ask: Ask): Promise<Difference[]>;
}

/** Normal features around the centre of each row's class, [count, width] row-major, class i % classes. */
export function examples(count: number, width: number, classes: number, spread: number, name: string) {
  const random = RandomStream.fromSeed(0).split(name);
  const centres = Array.from({ length: classes * width }, (_, i) => RandomStream.fromSeed(1).split(i).normal());
  const labels = Int32Array.from({ length: count }, (_, row) => row % classes);
  const values = Float32Array.from({ length: count * width }, (_, i) => centres[labels[Math.floor(i / width)]! * width + (i % width)]! + spread * random.normal());
  return { features: { count, width, values }, labels };
}

/** Rows as lists, for JSON. */
export const listsOf = ({ count, width, values }: { readonly count: number; readonly width: number; readonly values: Float32Array }) =>
  Array.from({ length: count }, (_, row) => Array.from(values.subarray(row * width, (row + 1) * width)));

export const worstOf = (a: ArrayLike<number>, b: ArrayLike<number>) =>
  a.length === b.length ? Array.from(a).reduce((most, x, i) => Math.max(most, Math.abs(x - b[i]!)), 0) : Infinity;

/** The same, where NaN agrees with what is none in JSON. */
export const worstOfNumbers = (a: readonly number[], b: readonly (number | null)[]) =>
  worstOf(a.map((x, i) => (Number.isNaN(x) && b[i] === null ? 0 : x)), b.map((x, i) => (x === null ? (Number.isNaN(a[i]) ? 0 : Infinity) : x)));
