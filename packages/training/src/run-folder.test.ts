import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { parseRecipe } from "./recipe.ts";
import { configPath, latestCheckpoint, latestPath, requireEmptyRun, requireSameRecipe } from "./run-folder.ts";

describe("a run folder", () => {
  let run: string;
  beforeEach(async () => {
    run = await mkdtemp(join(tmpdir(), "run-"));
  });

  it("may be new or empty to start a run", async () => {
    await expect(requireEmptyRun(run)).resolves.toBe(undefined);
    await expect(requireEmptyRun(join(run, "new"))).resolves.toBe(undefined);
  });

  it("may not hold anything, nor lie below a file, to start a run", async () => {
    await writeFile(join(run, "notes.txt"), "");
    await expect(requireEmptyRun(run)).rejects.toThrow(/is not empty \(notes\.txt\).*--resume/);
    await expect(requireEmptyRun(join(run, "notes.txt", "run"))).rejects.toThrow("is a file");
  });

  it("lists every changed key of the recipe, except those that change nothing learned", async () => {
    const recipe = parseRecipe({ schedule: { steps: 20000 } });
    await writeFile(configPath(run), JSON.stringify(recipe));
    await expect(
      requireSameRecipe(run, parseRecipe({ schedule: { steps: 20000 }, log: { everySteps: 1 } })),
    ).resolves.toBe(undefined);
    await expect(
      requireSameRecipe(run, parseRecipe({ schedule: { steps: 30000 }, data: { batchSize: 64, workers: 1 } })),
    ).rejects.toThrow(/schedule\.steps: 20000 → 30000; data\.batchSize: 2048 → 64\)/);
  });

  it("needs a config.json and a checkpoint to resume", async () => {
    await expect(requireSameRecipe(run, parseRecipe({}))).rejects.toThrow("it has no config.json");
    await expect(latestCheckpoint(run)).rejects.toThrow("it has no checkpoint yet");
    await mkdir(join(run, "checkpoints"));
    await writeFile(latestPath(run), "step-0000012\n");
    expect(await latestCheckpoint(run)).toBe(join(run, "checkpoints", "step-0000012"));
  });
});
