import { InputError, RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { collate, drawMasks, maskBudget, maskingOptions } from "./collate.ts";
import { linspaceFloat32 } from "./linspace.ts";

const crop = (side: number, value: number) => new Float32Array(3 * side * side).fill(value);
const samples = [0, 1, 2].map((b) => ({
  name: `picture ${b}`,
  globalCrops: [crop(28, 10 * b), crop(28, 10 * b + 1)],
  localCrops: [crop(14, 100 * b), crop(14, 100 * b + 1), crop(14, 100 * b + 2), crop(14, 100 * b + 3)],
}));
const options = maskingOptions({ patchSize: 14 });

describe("a batch", () => {
  const batch = collate(samples, options, RandomStream.fromSeed(0));

  it("has all first crops, then all second crops, and so on", () => {
    expect(batch.globalCrops.shape).toEqual([6, 3, 28, 28]);
    expect(batch.localCrops.shape).toEqual([12, 3, 14, 14]);
    const firsts = (data: Float32Array, size: number) => Array.from({ length: data.length / size }, (_, i) => data[i * size]);
    expect(firsts(batch.globalCrops.data, 3 * 28 * 28)).toEqual([0, 10, 20, 1, 11, 21]);
    expect(firsts(batch.localCrops.data, 3 * 14 * 14)).toEqual([0, 100, 200, 1, 101, 201, 2, 102, 202, 3, 103, 203]);
    expect(batch.sampleNames).toEqual(["picture 0", "picture 1", "picture 2"]);
  });

  it("without local crops has none", () => {
    const global = collate(samples.map((sample) => ({ ...sample, localCrops: [] })), options, RandomStream.fromSeed(0));
    expect(global.localCrops.data).toHaveLength(0);
    expect(global.localCrops.shape[0]).toBe(0);
  });

  it("refuses crops that are no whole number of patches", () => {
    expect(() => collate(samples, maskingOptions({ patchSize: 16 }), RandomStream.fromSeed(0))).toThrow(InputError);
  });
});

describe("the masks of a batch", () => {
  const grid = { height: 16, width: 16 };

  it("list their patches in order, with weights that sum to one per masked crop", () => {
    const { masks, maskIndices, maskWeights } = drawMasks(8, grid, options, RandomStream.fromSeed(5));
    expect([...maskIndices]).toEqual([...masks.data.keys()].filter((i) => masks.data[i] === 1));
    const sums = new Map<number, number>();
    maskIndices.forEach((index, m) => {
      const row = Math.floor(index / 256);
      sums.set(row, (sums.get(row) ?? 0) + maskWeights[m]!);
    });
    expect(sums.size).toBe(4);
    for (const sum of sums.values()) expect(sum).toBeCloseTo(1, 5);
  });

  it("never exceed the upper bound", () => {
    const random = RandomStream.fromSeed(6);
    for (let i = 0; i < 200; i++) {
      const { maskIndices, upperbound } = drawMasks(12, grid, options, random);
      expect(maskIndices.length).toBeLessThanOrEqual(upperbound);
    }
  });

  it("reach the upper bound exactly when counts are exact", () => {
    const { maskIndices, upperbound } = drawMasks(12, grid, { ...options, exactCount: true }, RandomStream.fromSeed(7));
    expect(maskIndices.length).toBe(upperbound);
  });

  it("are counted in float32, where 400 · 0.225 is 90 and not the 89.999998 of its float32 factors", () => {
    const ratio = { maskRatio: [0.1, 0.225], maskProbability: 0.5 } as const;
    expect(maskBudget(2, 400, ratio).upperbound).toBe(90);
    const exact = { ...options, ...ratio, exactCount: true };
    expect(drawMasks(2, { height: 20, width: 20 }, exact, RandomStream.fromSeed(0)).maskIndices).toHaveLength(90);
  });

  it("are none with probability 0, and with one crop at probability 0.5", () => {
    expect(drawMasks(4, grid, { ...options, maskProbability: 0 }, RandomStream.fromSeed(0)).maskIndices).toHaveLength(0);
    expect(maskBudget(1, 256, options).upperbound).toBe(0);
  });

  it("with a ratio that makes no sense are refused", () => {
    expect(() => maskingOptions({ patchSize: 14, maskRatio: [0.5, 0.1] })).toThrow("maskRatio is [0.5, 0.1]");
  });
});

it("linspace has the bits of torch.linspace(0.1, 0.5, 17) on a CPU with fused multiply-add", () => {
  // torch 1.13, AVX2: the values whose last bit a plain float32 computation misses are among these.
  const torch = [
    0.10000000149011612, 0.125, 0.15000000596046448, 0.17500001192092896, 0.20000000298023224,
    0.22499999403953552, 0.25, 0.2750000059604645, 0.30000001192092896, 0.32500001788139343,
    0.3500000238418579, 0.375, 0.4000000059604645, 0.42500001192092896, 0.45000001788139343,
    0.4750000238418579, 0.5,
  ];
  expect([...linspaceFloat32(0.1, 0.5, 17)]).toEqual(torch);
});
