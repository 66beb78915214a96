import { expect, it } from "vitest";
import { splitBatch } from "./split-batch.ts";
import { collatedNoise, tinyRecipe } from "./testing.ts";

const recipe = tinyRecipe({ data: { batchSize: 6 } });
const batch = collatedNoise(recipe);
const parts = splitBatch(batch, 3);

/** The pixels of crop `row` of a stack. */
const cropAt = ({ data, shape: [, channels, height, width] }: typeof batch.globalCrops, row: number) => {
  const length = channels * height * width;
  return data.subarray(row * length, (row + 1) * length);
};

it("gives every part all crops of its images, crop by crop", () => {
  expect(parts.map(({ sampleNames }) => sampleNames)).toEqual([
    ["noise 0", "noise 1"],
    ["noise 2", "noise 3"],
    ["noise 4", "noise 5"],
  ]);
  for (const stack of ["globalCrops", "localCrops"] as const) {
    for (let crop = 0; crop < 2; crop++) {
      for (let image = 0; image < 6; image++) {
        const part = parts[Math.floor(image / 2)]!;
        expect(part[stack].shape).toEqual([4, ...batch[stack].shape.slice(1)]);
        expect(cropAt(part[stack], crop * 2 + (image % 2))).toEqual(cropAt(batch[stack], crop * 6 + image));
      }
    }
  }
});

it("keeps the masks of the whole batch, with the places and weights of their patches", () => {
  const patches = batch.masks.shape[1];
  let masked = 0;
  for (const part of parts) {
    const hidden = [...part.masks.data.keys()].filter((i) => part.masks.data[i] === 1);
    expect([...part.maskIndices]).toEqual(hidden);
    part.maskIndices.forEach((index, i) => {
      const row = part.masks.data.subarray(Math.floor(index / patches) * patches).subarray(0, patches);
      expect(part.maskWeights[i]).toBeCloseTo(1 / row.reduce((sum, flag) => sum + flag, 0), 6);
    });
    masked += hidden.length;
  }
  expect(masked).toBe(batch.maskIndices.length);
  expect(masked).toBeGreaterThan(0);
});

it("refuses parts of different sizes", () => {
  expect(() => splitBatch(batch, 4)).toThrow("A batch of 6 images does not fall into 4 equal parts.");
});
