import { describe, expect, it } from "vitest";
import { parseRecipe } from "./recipe.ts";
import { stepFlops, tokensPerImage } from "./step-cost.ts";

describe("the cost of a step", () => {
  it("counts 690 and 394 tokens an image at 224/96 pixels and patch 16, 914 and 514 at 224/98 and patch 14", () => {
    expect(tokensPerImage(parseRecipe({}))).toEqual({ student: 690, teacher: 394 });
    const long = parseRecipe({ model: { patchSize: 14 }, crops: { localSize: 98 } });
    expect(tokensPerImage(long)).toEqual({ student: 914, teacher: 514 });
  });

  it("is about 600 GFLOP for ViT-S/14, 4 images, 2 × 224 + 8 × 98 pixels and 65,536 prototypes", () => {
    // Counted by hand: 22 M weights · 2 · (514 + 3 · 914) tokens · 4 images = 570 GFLOP, plus attention and heads.
    const recipe = parseRecipe({
      model: { size: "small", patchSize: 14, dropPathRate: 0 },
      crops: { localSize: 98 },
      data: { batchSize: 4 },
    });
    expect(stepFlops(recipe) / 1e9).toBeGreaterThan(570);
    expect(stepFlops(recipe) / 1e9).toBeLessThan(700);
  });

  it("is less with stochastic depth, by what the student's branches leave out", () => {
    const at = (dropPathRate: number) => stepFlops(parseRecipe({ model: { dropPathRate }, data: { batchSize: 64 } }));
    // By hand: 24 blocks of 12.6 M weights are 99 % of the step, the student's three passes over 690 tokens of 2464 are 84 % of
    // that, and of 128 + 512 crops 89 + 358 are kept.
    expect(at(0.3) / at(0)).toBeCloseTo(1 - 0.99 * 0.84 * (1 - 447 / 640), 2);
  });

  it("has one more forward pass of the global crops when KoLeo looks beyond a part", () => {
    const at = (koleoOver: "part" | "step", accumulationSteps: number, koleoWeight = 0.1) =>
      stepFlops(parseRecipe({ model: { dropPathRate: 0 }, data: { batchSize: 4 }, loss: { koleoOver, koleoWeight }, efficiency: { accumulationSteps } }));
    // By hand: 24 blocks of 12.6 M weights on 394 tokens are 238 GFLOP an image, 6.6 less as the last feed-forward layer reads 2 of
    // them, 7.6 more with attention.
    expect((at("step", 2) - at("part", 2)) / 4 / 1e9).toBeCloseTo(239, -1);
    expect(at("step", 1)).toBe(at("part", 1));
    expect(at("step", 2, 0)).toBe(at("part", 2, 0));
  });

  it("grows in proportion to the batch, where stochastic depth does not round it to whole crops", () => {
    const cost = (batchSize: number) => stepFlops(parseRecipe({ model: { dropPathRate: 0 }, data: { batchSize } }));
    expect(cost(64) / cost(16)).toBeCloseTo(4, 10);
  });
});
