import { RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import type { DepthDataset } from "./dense-dataset.ts";
import { depthBatches } from "./depth-batches.ts";
import { type DepthCropPlan, drawDepthCrop, publishedDepthCrop, renderDepthCrop } from "./depth-crop.ts";
import { readDepthPair } from "./depth-pair.ts";

const plain = { mean: [0, 0, 0], standardDeviation: [1, 1, 1] };

/** Red counts columns, green rows; the depth of a pixel is 1 + column + 100 row. */
function ramp(width: number, height: number) {
  const data = Uint8Array.from({ length: 3 * width * height }, (_, i) => [Math.floor(i / 3) % width, Math.floor(i / 3 / width), 200][i % 3]!);
  const depths = Float32Array.from({ length: width * height }, (_, i) => 1 + (i % width) + 100 * Math.floor(i / width));
  return { image: { width, height, data }, map: { width, height, depths } };
}

function render(plan: DepthCropPlan, width: number, height: number) {
  const values = new Float32Array(3 * plan.height * plan.width);
  const depths = new Float32Array(plan.height * plan.width);
  renderDepthCrop(ramp(width, height), plan, values, depths, plain);
  return { red: [...values.subarray(0, depths.length)].map((v) => Math.round(v * 255)), values, depths: [...depths] };
}

const still: DepthCropPlan = { width: 2, height: 2, frame: [0, 5, 0, 6], top: 1, left: 3, degrees: 0, flip: false, recolor: null };

describe("renderDepthCrop", () => {
  it("cuts image and depths at the same place", () => {
    const { red, depths } = render(still, 6, 5);
    expect(red).toEqual([3, 4, 3, 4]);
    expect(depths).toEqual([104, 105, 204, 205]);
  });

  it("mirrors both before it cuts, within the frame", () => {
    const { red, depths } = render({ ...still, frame: [0, 5, 1, 6], left: 0, flip: true }, 6, 5);
    expect(red).toEqual([5, 4, 5, 4]);
    expect(depths).toEqual([106, 105, 206, 205]);
  });

  it("turns both by the same angle: a quarter turn takes the corner to the next one", () => {
    const whole = { ...still, width: 5, height: 5, frame: [0, 5, 0, 5] as const, top: 0, left: 0, degrees: 90 };
    const { red, depths } = render(whole, 5, 5);
    expect(depths[0]).toBe(5); // column 4, row 0
    expect(red[0]).toBe(4);
    expect(depths[4]).toBe(405); // column 4, row 4
  });

  it("takes a depth that was measured, never one between two", () => {
    const { depths } = render({ ...still, degrees: 2.5 }, 6, 5);
    const measured = new Set([0, ...ramp(6, 5).map.depths]);
    expect(depths.every((depth) => measured.has(depth))).toBe(true);
  });

  it("is black and without depths where a small picture ends", () => {
    const { red, depths } = render({ ...still, width: 3, height: 1, top: 4, left: 5 }, 6, 5);
    expect(red).toEqual([5, 0, 0]);
    expect(depths).toEqual([406, 0, 0]);
  });

  it("raises colours to a power, scales each channel and clips", () => {
    const { values } = render({ ...still, recolor: { gamma: 1.1, factors: [1, 1, 2] } }, 6, 5);
    expect(values[0]).toBeCloseTo((3 / 255) ** 1.1, 6);
    expect(values[8]).toBe(1); // blue, 200 doubled
  });
});

describe("drawDepthCrop", () => {
  it("stays in the frame and in the published ranges", () => {
    const random = RandomStream.fromSeed(3);
    const plans = Array.from({ length: 400 }, () => drawDepthCrop({ ...publishedDepthCrop, frame: [45, 472, 43, 608] }, 640, 480, random));
    expect(Math.max(...plans.map(({ top }) => top))).toBe(472 - 45 - 416);
    expect(Math.max(...plans.map(({ left }) => left))).toBe(608 - 43 - 544);
    const turned = plans.filter(({ degrees }) => degrees !== 0);
    expect(Math.abs(turned.length - 200)).toBeLessThan(50); // 5 deviations
    expect(turned.every(({ degrees }) => Math.abs(degrees) <= 2.5)).toBe(true);
  });
});

describe("depthBatches and readDepthPair", () => {
  const pairs = (...maps: readonly (readonly number[])[]): DepthDataset => ({
    length: maps.length,
    range: [0.001, 10],
    name: (index) => `room/${index}.png`,
    readImage: async () => ({ width: 2, height: 2, data: new Uint8Array(12) }),
    readMap: async (index) => ({ width: maps[index]!.length / 2, height: 2, depths: Float32Array.from(maps[index]!) }),
  });

  it("gives the same batches for the same seed", async () => {
    const options = { batchSize: 3, seed: 5, crop: { ...publishedDepthCrop, width: 2, height: 1 } };
    const first = async () => (await depthBatches(pairs([1, 2, 3, 4], [5, 6, 7, 8]), options).next()).value!;
    const batch = await first();
    expect(batch.shape).toEqual([3, 3, 1, 2]);
    expect(batch.depths.length).toBe(6);
    expect(await first()).toEqual(batch);
  });

  it.each([
    ["NaN", [1, 2, NaN, 4], "room/0.png: the depth at column 0, row 1 is NaN; expected metres, or 0 where nothing was measured."],
    ["a negative depth", [1, -2, 3, 4], "room/0.png: the depth at column 1, row 0 is -2; expected metres, or 0 where nothing was measured."],
    ["no end", [1, Infinity, 3, 4], "room/0.png: the depth at column 1, row 0 is Infinity; expected metres, or 0 where nothing was measured."],
    ["zeros", [0, 0, 0, 0], "room/0.png: no depth was measured, all are 0; leave the pair out."],
    ["another size", [1, 2, 3, 4, 5, 6],
      "room/0.png: the depth map is 3 × 2 pixels and its image 2 × 2; expected equal sizes, so resize one of them."],
  ])("refuses a map with %s", async (_what, depths, message) => {
    await expect(readDepthPair(pairs(depths), 0)).rejects.toThrow(message);
  });

  it("refuses an empty set", async () => {
    await expect(depthBatches(pairs(), { batchSize: 1, seed: 0, crop: publishedDepthCrop }).next()).rejects.toThrow(/no pair/);
  });
});
