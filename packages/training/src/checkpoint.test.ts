import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSafetensors, RandomStream, useBackend } from "@dinov2/tensor";
import { beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { namedParameters } from "./network.ts";
import { pretrainStep } from "./pretrain-step.ts";
import { latestCheckpoint } from "./run-folder.ts";
import { createSchedules } from "./schedules.ts";
import { noiseBatch, tinyRecipe } from "./testing.ts";
import { createTrainingState, disposeTrainingState, type TrainingState } from "./training-state.ts";

const data = { source: "images", images: 12, namesHash: "abc" };
const info = (step: number) => ({ step, seed: 0, data });

beforeAll(() => useBackend({ name: "wasm" }));

/** Steps `from` to `to` on one batch of noise. */
async function train(state: TrainingState, recipe = tinyRecipe(), from = 0, to = 3) {
  const schedules = createSchedules(recipe);
  const batch = noiseBatch(recipe);
  const losses: number[] = [];
  for (let step = from; step < to; step++) {
    const random = RandomStream.fromSeed(0).split(step);
    losses.push((await pretrainStep(state, batch, schedules(step), recipe, random)).total_loss!);
  }
  return losses;
}

describe("a checkpoint", () => {
  let run: string;
  beforeEach(async () => {
    run = await mkdtemp(join(tmpdir(), "run-"));
  });

  it.each(["centering", "sinkhorn-knopp"] as const)(
    "holds all that the next steps depend on, with %s",
    async (targets) => {
      const recipe = tinyRecipe({ teacher: { targets }, model: { dropPathRate: 0.2, depth: 2 } });
      const state = createTrainingState(recipe);
      await train(state, recipe, 0, 3);
      await saveCheckpoint(run, state, info(3), 3);
      const expected = await train(state, recipe, 3, 6);

      const restored = createTrainingState({ ...recipe, seed: 99 });
      expect(await loadCheckpoint(await latestCheckpoint(run), restored)).toMatchObject(info(3));
      expect(await train(restored, recipe, 3, 6)).toEqual(expected);
      disposeTrainingState(state);
      disposeTrainingState(restored);
    },
  );

  it("has official names, and the architecture beside the teacher's weights", async () => {
    const state = createTrainingState(tinyRecipe());
    const folder = await saveCheckpoint(run, state, info(0), 3);
    const file = await openSafetensors(join(folder, "teacher.safetensors"));
    expect(file.names().sort()).toEqual([...namedParameters(state.teacher).keys()].sort());
    expect(file.names()).toContain("backbone.blocks.0.attn.qkv.weight");
    expect(JSON.parse(file.metadata["model"]!)).toMatchObject({
      embedDim: 12,
      depth: 1,
      patchSize: 4,
      dropPathRate: 0,
    });
    await file.close();
    disposeTrainingState(state);
  });

  it("is kept only while it is among the newest, and replaces one of the same step", async () => {
    const state = createTrainingState(tinyRecipe());
    for (const step of [4, 8, 8, 12]) await saveCheckpoint(run, state, info(step), 2);
    const names = ["latest", "step-0000008", "step-0000012"];
    expect((await readdir(join(run, "checkpoints"))).sort()).toEqual(names);
    expect(await readFile(join(run, "checkpoints", "latest"), "utf8")).toBe("step-0000012\n");
    disposeTrainingState(state);
  });

  it("stays when later ones are there, as when a run went on from an older one", async () => {
    const state = createTrainingState(tinyRecipe());
    for (const step of [4, 8, 12]) await saveCheckpoint(run, state, info(step), 3);
    const folder = await saveCheckpoint(run, state, info(5), 1);
    expect(await latestCheckpoint(run)).toBe(folder);
    expect(await loadCheckpoint(folder, state)).toMatchObject({ step: 5 });
    disposeTrainingState(state);
  });

  it("is the latest only when it is whole", async () => {
    const state = createTrainingState(tinyRecipe());
    const whole = await saveCheckpoint(run, state, info(4), 3);
    vi.spyOn(state.optimizer, "exportState").mockRejectedValueOnce(new Error("no space left"));
    await expect(saveCheckpoint(run, state, info(8), 3)).rejects.toThrow("no space left");
    expect(await latestCheckpoint(run)).toBe(whole);
    expect((await readdir(join(run, "checkpoints"))).sort()).toEqual(["latest", "step-0000004"]);
    disposeTrainingState(state);
  });

  it("of another architecture is refused with what differs, and changes nothing", async () => {
    const state = createTrainingState(tinyRecipe());
    const folder = await saveCheckpoint(run, state, info(0), 3);
    const heads = { dino: { prototypes: 20, hiddenDim: 16, bottleneckDim: 8 } };
    const other = createTrainingState(tinyRecipe({ model: { depth: 2 }, heads }));
    const token = namedParameters(other.teacher).get("backbone.cls_token")!;
    const before = token.dataSync().slice();
    await expect(loadCheckpoint(folder, other)).rejects.toThrow(
      /blocks\.1\.norm1\.weight.*last_layer\.weight_g is \[16, 1\], expected \[20, 1\]/,
    );
    expect(token.dataSync()).toEqual(before);
    disposeTrainingState(state);
    disposeTrainingState(other);
  });

  it("that is damaged is refused by name", async () => {
    const state = createTrainingState(tinyRecipe());
    const folder = await saveCheckpoint(run, state, info(0), 3);
    await writeFile(join(folder, "state.json"), "{");
    await expect(loadCheckpoint(folder, state)).rejects.toThrow(`${folder} is not a readable checkpoint`);
    await rm(join(folder, "state.json"));
    await expect(loadCheckpoint(folder, state)).rejects.toThrow("not a readable checkpoint");
    disposeTrainingState(state);
  });
});
