import { atMost, type ImageDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { parseRecipe } from "@dinov2/training";
import { expect, it } from "vitest";
import { openKnnEvaluation } from "./knn-evaluation.ts";

const dataset: ImageDataset = { length: 100, name: (i) => `${i}`, label: (i) => i % 2, source: (i) => `${i}.png` };
const names = (of: ImageDataset) => Array.from({ length: of.length }, (_, i) => Number(of.name(i)));

it("takes so many images at random, the same for the same seed, in their order", () => {
  const drawn = names(atMost(dataset, 10, RandomStream.fromSeed(1)));
  expect(new Set(drawn).size).toBe(10);
  expect(drawn).toEqual([...drawn].sort((a, b) => a - b));
  expect(drawn).toEqual(names(atMost(dataset, 10, RandomStream.fromSeed(1))));
  expect(drawn).not.toEqual(names(atMost(dataset, 10, RandomStream.fromSeed(2))));
  expect(atMost(dataset, null, RandomStream.fromSeed(1)).length).toBe(100);
  expect(atMost(dataset, 200, RandomStream.fromSeed(1)).length).toBe(100);
});

it("opens nothing unless the recipe wants it", async () => {
  expect(await openKnnEvaluation(parseRecipe({}), "/nowhere")).toBeUndefined();
  await expect(openKnnEvaluation(parseRecipe({ watch: { knnEverySteps: 5 } }), "/nowhere")).rejects.toThrow(/\/nowhere/);
});
