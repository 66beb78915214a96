import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atMost, encodePng, type ImageDataset } from "@dinov2/data";
import { RandomStream } from "@dinov2/foundation";
import { useBackend } from "@dinov2/tensor";
import { parseRecipe } from "@dinov2/training";
import { vitConfig, VisionTransformer } from "@dinov2/vit";
import { expect, it, onTestFinished, vi } from "vitest";
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

it.each([
  [3, 3 + 3],
  [null, 20],
])("of knnImages %s reads so many that vote and so many that are tested, of null all", async (knnImages, expected) => {
  await useBackend({ name: "cpu" });
  const folder = await mkdtemp(join(tmpdir(), "knn-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [label, level] of [["dark", 20], ["light", 200]] as const) {
    await mkdir(join(folder, label));
    const png = await encodePng({ width: 8, height: 8, data: new Uint8Array(8 * 8 * 3).fill(level) });
    for (let i = 0; i < 10; i++) await writeFile(join(folder, label, `${i}.png`), png);
  }
  const config = vitConfig("tiny", { embedDim: 8, depth: 1, numHeads: 2, patchSize: 4, imageSize: 8 });
  const model = VisionTransformer.create(config, RandomStream.fromSeed(0));
  const forward = vi.spyOn(model, "forward");
  const evaluation = await openKnnEvaluation(parseRecipe({ watch: { knnEverySteps: 1, knnImages } }), folder);
  await evaluation!.measure(model);
  expect(forward.mock.calls.reduce((sum, [images]) => sum + images.shape[0], 0)).toBe(expected);
  model.dispose();
});
