import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { parseRecipe } from "./recipe.ts";
import {
  checkpointName,
  checkpointsToTry,
  configPath,
  latestPath,
  lockPath,
  requireEmptyRun,
  requireSameRecipe,
  stepOfCheckpoint,
  warmStartPath,
} from "./run-folder.ts";
import { temporaryFolder } from "./testing-folder.ts";

describe("a run folder", () => {
  let run: string;
  beforeEach(async () => {
    run = await temporaryFolder();
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

  it("may not change its parts on the way, which draw stochastic depth by themselves, but may allow more unusable images", async () => {
    await writeFile(configPath(run), JSON.stringify(parseRecipe({})));
    await expect(requireSameRecipe(run, parseRecipe({ data: { maxSkippedShare: 0.5 } }))).resolves.toBe(undefined);
    await expect(requireSameRecipe(run, parseRecipe({ efficiency: { accumulationSteps: 2 } }))).rejects.toThrow(
      /efficiency\.accumulationSteps: 1 → 2/,
    );
    await expect(requireSameRecipe(run, parseRecipe({ loss: { koleoOver: "step" } }))).rejects.toThrow(/loss\.koleoOver: "part" → "step"/);
  });

  it("may hold what a killed start left", async () => {
    await writeFile(lockPath(run), "");
    await writeFile(join(run, ".config.json.8d7bb6a8-9d5c-4c0e-8c2e-1f4f6a6e7a10.partial"), "{");
    await writeFile(warmStartPath(run), "{}");
    await expect(requireEmptyRun(run)).resolves.toBe(undefined);
    await writeFile(configPath(run), "{}");
    await expect(requireEmptyRun(run)).rejects.toThrow("is not empty");
  });

  it("needs a config.json to resume", async () => {
    await expect(requireSameRecipe(run, parseRecipe({}))).rejects.toThrow("it has no config.json");
  });

  it("goes on from the checkpoint that latest names, else from one before it, else from one after it", async () => {
    expect(await checkpointsToTry(run)).toEqual([]);
    for (const step of [4, 8, 12, 16]) await mkdir(join(run, "checkpoints", checkpointName(step)), { recursive: true });
    for (const name of ["damaged-step-0000020", "step-12.old", "notes"]) await mkdir(join(run, "checkpoints", name));
    const steps = async () => (await checkpointsToTry(run)).map((folder) => stepOfCheckpoint(basename(folder)));
    expect(await steps()).toEqual([16, 12, 8, 4]);
    await writeFile(latestPath(run), "step-0000012\n");
    expect(await steps()).toEqual([12, 8, 4, 16]);
    await writeFile(latestPath(run), "step-0000014\n"); // no longer there
    expect(await steps()).toEqual([14, 12, 8, 4, 16]);
    await writeFile(latestPath(run), "../../elsewhere");
    expect(await steps()).toEqual([16, 12, 8, 4]);
  });
});
