import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { useBackend } from "@dinov2/tensor";
import { describe, expect, it } from "vitest";
import { saveCheckpoint } from "./checkpoint.ts";
import { dispensable, removeDispensable } from "./checkpoint-retention.ts";
import { checkpointName, checkpointsPath } from "./run-folder.ts";
import { tinyRecipe } from "./testing.ts";
import { temporaryFolder } from "./testing-folder.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";

const lastTwo = { keep: 2, keepEverySteps: null, keepBest: false };
const top1 = (value: number) => ({ metric: { name: "knn.top1", value } });
const entries = [{ step: 4, ...top1(40) }, { step: 8, ...top1(60) }, { step: 12 }, { step: 16, ...top1(55) }, { step: 20 }];

describe("what need not stay", () => {
  it("is all but the last k", () => {
    expect(dispensable(entries, lastTwo)).toEqual([4, 8, 12]);
    expect(dispensable([...entries].reverse(), lastTwo)).toEqual([4, 8, 12]);
    expect(dispensable(entries, { ...lastTwo, keep: 9 })).toEqual([]);
  });

  it("is not that of every n-th step", () => {
    expect(dispensable(entries, { ...lastTwo, keepEverySteps: 4 })).toEqual([]);
    expect(dispensable(entries, { ...lastTwo, keepEverySteps: 12 })).toEqual([4, 8]);
  });

  it("is not the best by the metric, the later of two equal", () => {
    expect(dispensable(entries, { ...lastTwo, keepBest: true })).toEqual([4, 12]);
    expect(dispensable([...entries, { step: 24, ...top1(60) }], { ...lastTwo, keepBest: true })).toEqual([4, 8, 12, 16]);
    expect(dispensable([{ step: 1 }, { step: 2 }, { step: 3 }], { ...lastTwo, keepBest: true })).toEqual([1]);
  });

  it("is the best by another metric than the newest one's", () => {
    const other = { step: 2, metric: { name: "loss", value: 1e9 } };
    expect(dispensable([other, ...entries], { ...lastTwo, keepBest: true })).toEqual([2, 4, 12]);
  });
});

describe("removeDispensable", () => {
  it("looks into the checkpoints up to a step, and leaves later ones and other folders alone", async () => {
    await useBackend({ name: "cpu" });
    const state = createTrainingState(tinyRecipe());
    const run = await temporaryFolder();
    const data = { source: "images", images: 12, namesHash: "abc" };
    for (const entry of [...entries, { step: 90, ...top1(99) }]) await saveCheckpoint(run, state, { ...entry, seed: 0, data });
    await writeFile(join(checkpointsPath(run), checkpointName(4), "state.json"), "{"); // not a reason to fail
    await removeDispensable(run, 20, { ...lastTwo, keepBest: true });
    const left = ["latest", ...[8, 16, 20, 90].map(checkpointName)];
    expect((await readdir(checkpointsPath(run))).sort()).toEqual(left);
    disposeTrainingState(state);
  });
});
