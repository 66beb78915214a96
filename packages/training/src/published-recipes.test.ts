// The published recipes hold the published numbers: `dinov2/configs/train/*.yaml` on `ssl_default_config.yaml`, with epochs of
// 1250 iterations, batches over all GPUs, and arXiv 2304.07193, table 16.

import { describe, expect, it } from "vitest";
import { parameterCounts } from "./network.ts";
import { listRecipes, loadRecipe, parseRecipe, type Recipe } from "./recipe.ts";
import { createSchedules, peakLearningRate } from "./schedules.ts";
import { tokensPerImage } from "./step-cost.ts";

const short = await loadRecipe("vitl16-short-imagenet1k");
const long = await loadRecipe("vitl14-long-imagenet22k");
const giant = await loadRecipe("vitg14-long-lvd142m");
const highRes = await loadRecipe("highres-518");

const peak = ({ optimizer, data }: Recipe) => peakLearningRate(optimizer, data.batchSize);

describe("the short recipe", () => {
  it("is the default configuration with chunked blocks, on GPUs of 64 images", () => {
    const defaults = parseRecipe({});
    expect(short).toEqual({
      ...defaults,
      model: { ...defaults.model, blockChunks: 4 },
      // KoLeo looks among the images of one GPU.
      loss: { ...defaults.loss, koleoImages: 64 },
    });
  });

  it("trains 125,000 steps of 64 images on each of 32 GPUs, up to 5.657e-3", () => {
    expect(short.data.batchSize).toBe(64 * 32);
    expect(short.schedule).toEqual({ steps: 100 * 1250, warmupSteps: 10 * 1250, freezeLastLayerSteps: 1250 });
    expect(peak(short)).toBeCloseTo(5.657e-3, 6);
  });
});

describe.each([
  ["vitl14-long-imagenet22k", long, "large", 32, 96],
  ["vitg14-long-lvd142m", giant, "giant2", 12, 256],
] as const)("the long recipe %s", (_, recipe, size, imagesPerGpu, gpus) => {
  it("differs from the short one in what is published, and in nothing else", () => {
    expect(recipe).toEqual({
      ...short,
      model: { ...short.model, size, patchSize: 14, ffnLayer: "swiglufused", dropPathRate: 0.4 },
      heads: {
        dino: { prototypes: 131072, layers: 3, hiddenDim: 2048, bottleneckDim: 384 },
        ibot: { separate: true, prototypes: 131072, layers: 3, hiddenDim: 2048, bottleneckDim: 256 },
      },
      loss: { ...short.loss, koleoImages: imagesPerGpu },
      teacher: { ...short.teacher, targets: "sinkhorn-knopp", momentum: 0.994 },
      optimizer: { ...short.optimizer, learningRate: 2e-4, layerwiseDecay: 1, finalWeightDecay: 0.2 },
      schedule: { steps: 500 * 1250, warmupSteps: 80 * 1250, freezeLastLayerSteps: 1250 },
      crops: { ...short.crops, localSize: 98 },
      data: { ...short.data, batchSize: imagesPerGpu * gpus },
    });
    expect(peak(recipe)).toBeCloseTo(3.464e-4, 7);
  });
});

describe("the high-resolution phase", () => {
  it("is the long recipe at 518 pixels, every length divided by 62.5, at a lower rate, from given weights", () => {
    const compressed = (steps: number) => steps / 62.5;
    expect(highRes).toMatchObject({
      model: { ...long.model, pretrained: true },
      heads: long.heads,
      loss: long.loss,
      masking: long.masking,
      data: long.data,
      crops: { ...long.crops, globalSize: 518 },
      teacher: { ...long.teacher, temperatureWarmupSteps: compressed(long.teacher.temperatureWarmupSteps) },
      schedule: {
        steps: 10_000,
        warmupSteps: compressed(long.schedule.warmupSteps),
        freezeLastLayerSteps: compressed(long.schedule.freezeLastLayerSteps),
      },
      optimizer: { ...long.optimizer, learningRate: long.optimizer.learningRate / 10 },
    });
  });

  it("ends where the long recipe ends", () => {
    const last = (recipe: Recipe) => createSchedules(recipe)(recipe.schedule.steps);
    expect(last(highRes)).toEqual(last(long));
  });
});

describe("the sizes", () => {
  // spec: heads 23.66 M; 57.5 M + 40.5 M; 58.6 M + 41.6 M; a backbone at 37 x 37 patches 304,794,880 and 1,136,480,768, from which
  // the training configurations' position embeddings of 16 x 16 take 1113 rows.
  it.each([
    ["short", short, { backbone: 303_351_808, dinoHead: 23_662_848, ibotHead: 0 }],
    ["long, large", long, { backbone: 304_794_880 - 1113 * 1024, dinoHead: 57_545_088, ibotHead: 40_505_600 }],
    ["long, giant", giant, { backbone: 1_136_480_768 - 1113 * 1536, dinoHead: 58_593_664, ibotHead: 41_554_176 }],
    ["high-resolution", highRes, { backbone: 304_794_880, dinoHead: 57_545_088, ibotHead: 40_505_600 }],
  ])("of the %s recipe are the official ones", (_, recipe, counts) => {
    expect(parameterCounts(recipe)).toEqual(counts);
  });

  it("give the published tokens an image", () => {
    expect(tokensPerImage(short)).toEqual({ student: 2 * 197 + 8 * 37, teacher: 394 });
    for (const recipe of [long, giant]) expect(tokensPerImage(recipe)).toEqual({ student: 2 * 257 + 8 * 50, teacher: 514 });
    expect(tokensPerImage(highRes)).toEqual({ student: 2 * 1370 + 8 * 50, teacher: 2740 });
  });
});

describe("every recipe", async () => {
  it.each(await listRecipes())("%s is complete and has cosines that fit", async (name) => {
    const recipe = await loadRecipe(name);
    expect(createSchedules(recipe)(recipe.schedule.steps - 1).learningRate).toBeGreaterThan(0);
  });
});
