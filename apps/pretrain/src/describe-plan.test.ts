import { loadRecipe, planPretraining } from "@dinov2/training";
import { describe, expect, it } from "vitest";
import { describePlan } from "./describe-plan.ts";

const text = async (recipe: string, options: Parameters<typeof planPretraining>[1], columns = 60) =>
  describePlan(recipe, planPretraining(await loadRecipe(recipe), options), columns);

describe("describePlan", () => {
  it("fits a terminal of 60 columns", async () => {
    for (const line of (await text("vitg14-long-lvd142m", { gpus: 256 })).split("\n")) expect(line.length).toBeLessThanOrEqual(60);
  });

  it("says what a published run takes, on how many of which GPUs", async () => {
    const long = await text("vitl14-long-imagenet22k", { gpus: 96 }, 200);
    expect(long).toContain("vitl14-long-imagenet22k, bf16, on 96 A100\n");
    expect(long).toContain("303.66 M backbone, 57.55 M DINO head, 40.51 M iBOT head");
    expect(long).toContain("914 student, 514 teacher");
    expect(long).toContain("3,072 images, 32 a GPU");
    expect(long).toContain("3.0 days, 6,862 GPU-hours");
  });

  it("names neither GPUs nor a second head where there are none, and counts hours below a day", async () => {
    const small = await text("vitti16-cpu", { gpuTeraflops: 0.2, precision: "fp32" }, 200);
    expect(small).toContain("on 1 × 0.2 TFLOP/s\n");
    expect(small).toContain("iBOT through the same");
    expect(small).toMatch(/time +2 h 34 min$/m);
    expect(small).not.toMatch(/A100|GPU-hours/);
  });
});
