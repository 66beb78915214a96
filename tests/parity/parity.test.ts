// Our numbers against the reference implementation's, case by case.
// DINOV2_GOLDEN names another folder of the same format; DINOV2_BACKEND, DINOV2_DEVICE and DINOV2_PRECISION the engine.

import { fileURLToPath } from "node:url";
import { backendFromEnvironment, useBackend } from "@dinov2/tensor";
import { beforeAll, describe, expect, it } from "vitest";
import { readGoldenFolder, type Check, type Comparison, type GoldenCase } from "./harness.ts";

/** One row per group that the packages compute so far. */
const checks: Readonly<Record<string, () => Promise<{ check: Check }>>> = {
  vit: () => import("./groups/vit.ts"),
  crops: () => import("./groups/crops.ts"),
  drop_path: () => import("./groups/drop_path.ts"),
  inventory: () => import("./groups/inventory.ts"),
  dino_head: () => import("./groups/dino_head.ts"),
  dino_loss: () => import("./groups/dino_loss.ts"),
  ibot_loss: () => import("./groups/ibot_loss.ts"),
  koleo: () => import("./groups/koleo.ts"),
  masking: () => import("./groups/masking.ts"),
  collate: () => import("./groups/collate.ts"),
  schedules: () => import("./groups/schedules.ts"),
  param_groups: () => import("./groups/param_groups.ts"),
  optim: () => import("./groups/optim.ts"),
  ssl: () => import("./groups/ssl.ts"),
  eval_knn: () => import("./groups/eval_knn.ts"),
  eval_metrics: () => import("./groups/eval_metrics.ts"),
  eval_linear: () => import("./groups/eval_linear.ts"),
  eval_logreg: () => import("./groups/eval_logreg.ts"),
  eval_seg: () => import("./groups/eval_seg.ts"),
  eval_depth: () => import("./groups/eval_depth.ts"),
  aug_ops: () => import("./groups/aug_ops.ts"),
  aug_pipeline: () => import("./groups/aug_pipeline.ts"),
  aug_stats: () => import("./groups/aug_stats.ts"),
  ckpt: () => import("./groups/ckpt.ts"),
};

const committedFixtures = fileURLToPath(new URL("./fixtures", import.meta.url));
const goldenCases = readGoldenFolder(process.env.DINOV2_GOLDEN ?? committedFixtures);
const groups = Object.keys(checks).filter((group) => goldenCases.some((golden) => golden.group === group));

it.runIf(process.env.DINOV2_GOLDEN === undefined)("the committed fixtures hold a case of every group", () => {
  expect(groups).toEqual(Object.keys(checks));
});

/**
 * In bfloat16 what goes through a network's products may be off by so many times the golden tolerance, which is one of float32:
 * an eighth of 2^15, the ratio of the two roundings. Losses, targets and the optimiser stay in float32, and within its tolerance.
 */
const bf16Allowance = 4096;
const networkGroups: readonly string[] = ["vit", "crops", "drop_path", "dino_head", "ssl", "eval_seg", "eval_depth"];
let reducedPrecision = false;
const allowanceOf = (group: string) => (reducedPrecision && networkGroups.includes(group) ? bf16Allowance : 1);

beforeAll(async () => {
  reducedPrecision = (await useBackend(backendFromEnvironment())).precision === "bf16";
});

describe.each(groups)("%s", (group) => {
  const cases = goldenCases.filter((golden) => golden.group === group);

  it.each(cases.map((golden) => [golden.id, golden] as const))("%s is within tolerance", async (_id, golden) => {
    const { check } = await checks[group]!();
    const allowance = allowanceOf(group);
    const comparisons = (await check(golden)).map((comparison) => ({ ...comparison, worst: comparison.worst / allowance }));
    report(golden, comparisons);
    expect(uncompared(golden, comparisons)).toEqual([]);
    expect(comparisons.filter(({ worst }) => !(worst <= 1))).toEqual([]);
  });
});

/** Outputs and gradients of the case that the check left out. */
function uncompared(golden: GoldenCase, comparisons: readonly Comparison[]): string[] {
  const compared = new Set(comparisons.map(({ name }) => name));
  return [...golden.names("out."), ...golden.names("grad.")].filter((name) => !compared.has(name));
}

/** One line per case: how much of its tolerance the worst number used up. */
function report(golden: GoldenCase, comparisons: readonly Comparison[]): void {
  const worst = comparisons.reduce((a, b) => (b.worst > a.worst ? b : a), { name: "-", worst: 0 });
  const verdict = worst.worst <= 1 ? "ok  " : "FAIL";
  console.log(
    `${verdict} ${golden.group.padEnd(12)} ${golden.id.padEnd(24)} ` +
      `${worst.worst.toFixed(3).padStart(7)} of tolerance (${worst.name}; ${comparisons.length} compared)`,
  );
}
