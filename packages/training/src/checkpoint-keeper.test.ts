import { readdir } from "node:fs/promises";
import { useBackend } from "@dinov2/tensor";
import { expect, it } from "vitest";
import { CheckpointKeeper } from "./checkpoint-keeper.ts";
import { checkpointName, checkpointsPath } from "./run-folder.ts";
import { tinyRecipe } from "./testing.ts";
import { temporaryFolder } from "./testing-folder.ts";
import { createTrainingState, disposeTrainingState } from "./training-state.ts";

it("lets no checkpoint go for one after steps that were not finite, whose weights may be spoilt", async () => {
  await useBackend({ name: "cpu" });
  const run = await temporaryFolder();
  const state = createTrainingState(tinyRecipe());
  const identity = { seed: 0, data: { source: "images", images: 12, namesHash: "abc" } };
  const rule = { keep: 1, keepEverySteps: null, keepBest: false };
  const keeper = new CheckpointKeeper({ run, state, identity, rule, lastGood: null, onWarning: () => {} });
  const save = async (step: number, nonFiniteInARow: number) => {
    await keeper.save(step, undefined, { nonFiniteInARow, skippedSteps: nonFiniteInARow, recent: {} });
    return (await readdir(checkpointsPath(run))).sort();
  };
  const folders = (...steps: number[]) => ["latest", ...steps.map(checkpointName)];
  expect(await save(1, 0)).toEqual(folders(1));
  expect(await save(2, 0)).toEqual(folders(2));
  expect(await save(3, 1)).toEqual(folders(2, 3));
  expect(await save(4, 0)).toEqual(folders(4));
  disposeTrainingState(state);
});
