import { useBackend } from "@dinov2/tensor";
import { beforeAll, expect, it } from "vitest";
import { disposeBatch } from "../batch.ts";
import type { RecipeInput } from "../recipe.ts";
import { noiseBatch, tinyRecipe } from "../testing.ts";
import { createTrainingState, disposeTrainingState } from "../training-state.ts";
import { RunWatch, type WatchEvent } from "./run-watch.ts";
import type { WatchState } from "./watch-state.ts";

beforeAll(() => useBackend({ name: "cpu" }));

function watching(changes: RecipeInput["watch"], saved?: WatchState, headsAreRandom = true) {
  const events: WatchEvent[] = [];
  const recipe = tinyRecipe({ watch: changes });
  const onEvent = (event: WatchEvent) => Promise.resolve(void events.push(event));
  return { recipe, events, watch: new RunWatch({ recipe, headsAreRandom, saved, onEvent }) };
}

const calm = { total_loss: 5, gradient_norm_backbone: 1 };
const files = ["a.png", "b.png"];

it("says of a spike what it was and which images the step had", async () => {
  const { watch, events } = watching({ spikeWindow: 4 });
  for (let step = 2; step < 6; step++) await watch.afterStep(step, calm, files);
  expect(watch.mayUpdate({ ...calm, total_loss: 50 })).toBe(true);
  expect(await watch.afterStep(6, { ...calm, total_loss: 50 }, files)).toEqual({ skipped_steps: 0 });
  expect(events).toEqual([
    { step: 6, kind: "spike", message: "Step 6: total_loss 50.0 after about 5.00. Its images are in events.jsonl.", files },
  ]);
});

it("lets no spike count where the recipe says so, and counts it", async () => {
  const { watch, events } = watching({ spikeWindow: 4, skipSpikes: true });
  for (let step = 2; step < 6; step++) await watch.afterStep(step, calm, files);
  expect(watch.mayUpdate(calm)).toBe(true);
  expect(watch.mayUpdate({ ...calm, gradient_norm_backbone: 70 })).toBe(false);
  expect(await watch.afterStep(6, { ...calm, gradient_norm_backbone: 70 }, files)).toEqual({ skipped_steps: 1 });
  expect(events[0]!.message).toContain("skipped, gradient_norm_backbone 70.0 after about 1.00");
});

it("goes on from a checkpoint's state with its counts and the steps before", async () => {
  const first = watching({ spikeWindow: 4, maxNonFiniteSteps: 2 });
  for (let step = 2; step < 6; step++) await first.watch.afterStep(step, calm, files);
  await first.watch.afterStep(6, { ...calm, total_loss: NaN }, files);
  const saved = JSON.parse(JSON.stringify(first.watch.state)) as WatchState;
  const { watch } = watching({ spikeWindow: 4, maxNonFiniteSteps: 2, skipSpikes: true }, saved);
  expect(watch.isFinite).toBe(false);
  expect(watch.mayUpdate({ ...calm, total_loss: 50 })).toBe(false);
  await expect(watch.afterStep(7, { ...calm, total_loss: Infinity }, files)).rejects.toThrow(/Step 7: total_loss is Infinity.*2 steps/);
});

it("compares the first losses with those of untrained heads, where heads are untrained", async () => {
  const { watch, events } = watching({});
  await watch.afterStep(1, { ...calm, ibot_loss: 99 }, files);
  expect(events.map(({ kind, message }) => `${kind}: ${message}`)).toEqual([
    expect.stringMatching(/^start: Step 1: ibot_loss is 99\.000, expected .*: not what untrained heads give/),
  ]);
  const trained = watching({}, undefined, false);
  await trained.watch.afterStep(1, { ...calm, ibot_loss: 99 }, files);
  expect(trained.events).toEqual([]);
});

it("measures collapse every so many steps, and warns once until it is over", async () => {
  const { recipe, watch, events } = watching({ monitorEverySteps: 2 });
  const state = createTrainingState(recipe);
  const batch = noiseBatch(recipe);
  // Features of an untrained network are nearly equal: fine until the warm-up and a tenth of the run are over, after step 3.
  const monitor = (step: number) => watch.monitor(step, state, [batch], 0.05);
  expect(await monitor(1)).toBeNull();
  expect(await monitor(2)).toMatchObject({ feature_rank: expect.any(Number) as number, target_entropy: expect.any(Number) as number });
  expect(events).toEqual([]);
  await monitor(4);
  expect(events.map(({ kind }) => kind)).toContain("collapse");
  const count = events.length;
  await monitor(6);
  expect(events).toHaveLength(count);
  disposeBatch(batch);
  disposeTrainingState(state);
});
