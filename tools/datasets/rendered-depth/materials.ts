// What surfaces look like: two colours in a pattern that needs no picture. Coordinates are metres on the surface.

import type { RandomStream } from "@dinov2/foundation";

export type Color = readonly [number, number, number];

const patterns = ["plain", "checks", "stripes", "bricks", "clouds"] as const;

export interface Material {
  readonly pattern: (typeof patterns)[number];
  readonly colors: readonly [Color, Color];
  /** Metres of one repetition, so that near things show coarse patterns. */
  readonly scale: number;
  readonly seed: number;
}

export function drawMaterial(random: RandomStream): Material {
  const color = (): Color => [random.uniform(0.1, 1), random.uniform(0.1, 1), random.uniform(0.1, 1)];
  const base = color();
  const other = random.bernoulli(0.5) ? color() : (base.map((value) => value * random.uniform(0.4, 0.9)) as unknown as Color);
  return { pattern: patterns[random.integer(patterns.length)]!, colors: [base, other], scale: random.uniform(0.15, 0.8), seed: random.uint32() };
}

export function colorAt({ pattern, colors, scale, seed }: Material, u: number, v: number): Color {
  const share = patternShare(pattern, u / scale, v / scale, seed);
  const [from, to] = colors;
  return [0, 1, 2].map((i) => from[i]! * (1 - share) + to[i]! * share) as unknown as Color;
}

/** How much of the second colour there is, 0..1. */
function patternShare(pattern: Material["pattern"], x: number, y: number, seed: number): number {
  switch (pattern) {
    case "plain":
      return 0;
    case "checks":
      return (Math.floor(x) + Math.floor(y)) & 1;
    case "stripes":
      return Math.floor(x) & 1;
    case "bricks": {
      const row = Math.floor(2 * y);
      const along = x + (row & 1) / 2;
      return 2 * y - row < 0.12 || along - Math.floor(along) < 0.06 ? 1 : 0;
    }
    case "clouds":
      return (2 * smoothNoise(x, y, seed) + smoothNoise(2 * x, 2 * y, seed + 1)) / 3;
    default:
      return pattern satisfies never;
  }
}

/** Random values at whole places, smoothly joined. */
function smoothNoise(x: number, y: number, seed: number): number {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const ease = (t: number) => t * t * (3 - 2 * t);
  const [a, b] = [ease(x - column), ease(y - row)];
  const above = valueAt(column, row, seed) * (1 - a) + valueAt(column + 1, row, seed) * a;
  const below = valueAt(column, row + 1, seed) * (1 - a) + valueAt(column + 1, row + 1, seed) * a;
  return above * (1 - b) + below * b;
}

/** 0..1, by the place alone. */
function valueAt(column: number, row: number, seed: number): number {
  let hash = Math.imul(column, 0x27d4eb2d) ^ Math.imul(row, 0x165667b1) ^ seed;
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 0x100000000;
}
