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
      model: { size: "small", patchSize: 14 },
      crops: { localSize: 98 },
      data: { batchSize: 4 },
    });
    expect(stepFlops(recipe) / 1e9).toBeGreaterThan(570);
    expect(stepFlops(recipe) / 1e9).toBeLessThan(700);
  });

  it("grows in proportion to the batch", () => {
    const cost = (batchSize: number) => stepFlops(parseRecipe({ data: { batchSize } }));
    expect(cost(64) / cost(16)).toBeCloseTo(4, 10);
  });
});
