import { InputError, RandomStream } from "@dinov2/foundation";
import { describe, expect, it } from "vitest";
import { cropDistributions, drawMultiCrop, multiCrop, multiCropOptions } from "./multi-crop.ts";
import { smoothImage } from "./testing.ts";

const image = smoothImage(120, 90);
const small = multiCropOptions({ globalSize: 28, localSize: 14, localCount: 3 });

describe("multiCrop", () => {
  it("gives normalised planes of the sizes asked for", () => {
    const { globalCrops, localCrops } = multiCrop(image, small, RandomStream.fromSeed(0));
    expect(globalCrops.map((crop) => crop.length)).toEqual([3 * 28 * 28, 3 * 28 * 28]);
    expect(localCrops.map((crop) => crop.length)).toEqual([3 * 14 * 14, 3 * 14 * 14, 3 * 14 * 14]);
    for (const crop of [...globalCrops, ...localCrops]) {
      // 0 and 255 become -2.12 and 2.64 at the most.
      expect(Math.min(...crop)).toBeGreaterThan(-2.2);
      expect(Math.max(...crop)).toBeLessThan(2.7);
      expect(new Set(crop).size).toBeGreaterThan(10);
    }
  });

  it("is fixed by its stream, and every crop differs from the others", () => {
    const once = multiCrop(image, small, RandomStream.fromSeed(7));
    expect(multiCrop(image, small, RandomStream.fromSeed(7))).toEqual(once);
    expect(multiCrop(image, small, RandomStream.fromSeed(8))).not.toEqual(once);
    expect(new Set(once.localCrops.map((crop) => crop.join())).size).toBe(3);
  });

  it("draws a crop from its own stream: more local crops leave the others as they were", () => {
    const few = drawMultiCrop(small, 500, 375, RandomStream.fromSeed(3));
    const many = drawMultiCrop({ ...small, localCount: 9 }, 500, 375, RandomStream.fromSeed(3));
    expect(many.slice(0, few.length)).toEqual(few);
  });
});

describe("the released options", () => {
  const probabilities = (blurSemantics: "released" | "paper") =>
    cropDistributions(multiCropOptions({ blurSemantics })).map((crop) => crop.blurProbability);

  it("blur as the released models were trained, or as the paper says", () => {
    expect(probabilities("released")).toEqual([0, 0.9, ...new Array<number>(8).fill(0.5)]);
    expect(probabilities("paper")).toEqual([1, 0.1, ...new Array<number>(8).fill(0.5)]);
  });

  it("solarise the second global crop alone", () => {
    const solarized = cropDistributions(multiCropOptions()).map((crop) => crop.solarizeProbability);
    expect(solarized).toEqual([0, 0.2, ...new Array<number>(8).fill(0)]);
  });

  it("take large shares for global and small ones for local crops", () => {
    const crops = cropDistributions(multiCropOptions());
    expect(crops.map(({ size }) => size)).toEqual([224, 224, ...new Array<number>(8).fill(98)]);
    expect(crops[0]!.scale).toEqual([0.32, 1]);
    expect(crops[9]!.scale).toEqual([0.05, 0.32]);
  });
});

it("options that make no crop are refused", () => {
  expect(() => multiCropOptions({ globalSize: 0 })).toThrow(InputError);
  expect(() => multiCropOptions({ localCount: -1 })).toThrow("localCount is -1");
  expect(() => multiCropOptions({ localScale: [0.5, 0.2] })).toThrow("localScale is [0.5, 0.2]");
});
