import { describe, expect, it } from "vitest";
import { cubicResizeWeights } from "./cubic-resize.ts";

const plain = { antialias: false, offset: 0 };
const antialiased = { antialias: true, offset: 0 };

const rows = (weights: Float32Array, source: number) =>
  Array.from({ length: weights.length / source }, (_, i) => [...weights.subarray(i * source, (i + 1) * source)]);

describe("cubicResizeWeights", () => {
  it.each([
    [16, 7, plain],
    [16, 7, antialiased],
    [4, 9, plain],
    [4, 9, antialiased],
    [16, 7, { antialias: false, offset: 0.1 }],
    [1, 3, antialiased],
  ])("keeps a constant: the rows of %i → %i under %j sum to one", (source, target, options) => {
    for (const row of rows(cubicResizeWeights(source, target, options), source)) {
      expect(row.reduce((a, b) => a + b)).toBeCloseTo(1, 6);
    }
  });

  it.each([plain, antialiased])("is the identity for the same size under %j", (options) => {
    const identity = rows(cubicResizeWeights(5, 5, options), 5);
    identity.forEach((row, i) => row.forEach((weight, j) => expect(weight).toBeCloseTo(i === j ? 1 : 0, 6)));
  });

  it("takes a = -0.75 without antialiasing and a = -0.5 with it", () => {
    // Doubling the size reads a quarter cell off a centre. The kernel at distances 1.25, 0.25, 0.75, 1.75, by hand:
    // a (d³ - 5d² + 8d - 4) outside one, (a + 2) d³ - (a + 3) d² + 1 inside.
    const interior = 4; // target cell 4 of 8 → source position 1.75 of 4
    const expected = (a: number) => [1.75, 0.75, 0.25, 1.25].map((d) =>
      d > 1 ? a * (d ** 3 - 5 * d ** 2 + 8 * d - 4) : (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1);
    for (const [options, a] of [[plain, -0.75], [antialiased, -0.5]] as const) {
      const row = rows(cubicResizeWeights(4, 8, options), 4)[interior]!;
      row.forEach((weight, j) => expect(weight).toBeCloseTo(expected(a)[j]!, 6));
    }
  });

  it("reads all cells when it shrinks with antialiasing, and four a target cell without", () => {
    const used = (options: typeof plain) => rows(cubicResizeWeights(24, 3, options), 24)[1]!.filter((weight) => weight !== 0).length;
    expect(used(plain)).toBe(4);
    expect(used(antialiased)).toBeGreaterThan(16);
  });

  it("shifts the read positions by the offset", () => {
    // With an offset the last target cell reads further left than its mirror image would.
    const [first, , last] = rows(cubicResizeWeights(6, 3, { antialias: false, offset: 0.1 }), 6);
    expect(last).not.toEqual([...first!].reverse());
    const [even, , mirrored] = rows(cubicResizeWeights(6, 3, plain), 6);
    mirrored!.forEach((weight, j) => expect(weight).toBeCloseTo([...even!].reverse()[j]!, 6));
  });
});
