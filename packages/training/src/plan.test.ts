import { tf } from "@dinov2/tensor";
import { describe, expect, it } from "vitest";
import { planPretraining } from "./plan.ts";
import { loadRecipe, parseRecipe } from "./recipe.ts";

describe("the plan of a published recipe", () => {
  // GPU-hours: official README for the short and the long recipe (32 A100 for a day, 96 for 3.3), the paper for ViT-g.
  it.each([
    ["vitl16-short-imagenet1k", 32, 768],
    ["vitl14-long-imagenet22k", 96, 7603],
    ["vitg14-long-lvd142m", 256, 22016],
  ])("of %s takes the published GPU-hours within 15 %%, by one rate for all", async (name, gpus, hours) => {
    const plan = planPretraining(await loadRecipe(name), { gpus });
    expect(plan.gpuHours / hours).toBeGreaterThan(0.85);
    expect(plan.gpuHours / hours).toBeLessThan(1.15);
    expect(plan.days).toBeCloseTo(plan.gpuHours / gpus / 24, 10);
  });

  it("allocates nothing, even for ViT-g: there is no engine yet", async () => {
    expect(() => tf.zeros([1])).toThrow("not yet been initialized");
    const { parameters, tokensPerImage } = planPretraining(await loadRecipe("vitg14-long-lvd142m"));
    expect(parameters).toEqual({ backbone: 1_134_771_200, dinoHead: 58_593_664, ibotHead: 41_554_176 });
    expect(tokensPerImage).toEqual({ student: 914, teacher: 514 });
  });

  it.each([
    ["vitl16-short-imagenet1k", 32, 80],
    ["vitl14-long-imagenet22k", 96, 80],
    ["vitg14-long-lvd142m", 256, 40],
  ])("of %s fits the GPUs that were used", async (name, gpus, gigabytes) => {
    expect(planPretraining(await loadRecipe(name), { gpus }).memoryBytes.peak).toBeLessThan(gigabytes * 1e9);
  });
});

describe("a plan", () => {
  const recipe = parseRecipe({ data: { batchSize: 64 } });

  it("halves the time with twice the GPUs or twice the rate, and keeps the arithmetic", () => {
    const one = planPretraining(recipe, { gpuTeraflops: 10 });
    const two = planPretraining(recipe, { gpuTeraflops: 10, gpus: 2 });
    expect(two.days / one.days).toBeCloseTo(0.5, 2);
    expect(planPretraining(recipe, { gpuTeraflops: 20 }).days).toBeCloseTo(one.days / 2, 10);
    expect(two.flopsPerStep / one.flopsPerStep).toBeCloseTo(1, 1); // other crops are rounded away
    expect(one.days).toBeCloseTo((one.flopsPerStep * 125_000) / 10e12 / 86_400, 8);
  });

  it("needs less memory with more GPUs, but for weights and moments, and less in bf16", () => {
    const of = (gpus: number, precision: "fp32" | "bf16" = "bf16") => planPretraining(recipe, { gpus, precision }).memoryBytes;
    expect(of(2).activations / of(1).activations).toBeCloseTo(0.5, 1);
    expect(of(2).student + of(2).teacher + of(2).optimizer).toBe(of(1).student + of(1).teacher + of(1).optimizer);
    expect(of(1).peak).toBeLessThan(of(1, "fp32").peak);
  });

  it("refuses GPUs that cannot share the batch, and says which number can", () => {
    expect(() => planPretraining(recipe, { gpus: 7 })).toThrow(
      "data.batchSize is 64, which 7 GPUs cannot share evenly; give --gpus 4, or --set data.batchSize=70.",
    );
    expect(() => planPretraining(recipe, { gpus: 100 })).toThrow("give --gpus 64");
  });
});
