// A run whose disk has no room for a while. Once on a disk that really is full, where a test may mount one, and always
// on one that only says so.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isPartial } from "@dinov2/foundation";
import { tf, useBackend } from "@dinov2/tensor";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { UnsavedStepsError } from "./checkpoint-keeper.ts";
import { readMetrics } from "./metrics-log.ts";
import { pretrain, type PretrainOptions } from "./pretrain.ts";
import { checkpointsPath, checkpointsToTry, latestPath, metricsPath } from "./run-folder.ts";
import { tinyRecipe, writeImages } from "./testing.ts";
import { interceptFileOperations, noSpace } from "./testing-files.ts";
import { temporaryFolder } from "./testing-folder.ts";

const recipe = tinyRecipe({ schedule: { steps: 10 }, checkpoint: { everySteps: 2 }, data: { batchSize: 2 } });

let images: string;
beforeAll(async () => {
  await useBackend({ name: "wasm" });
  images = await temporaryFolder();
  await writeImages(images, 6);
});

/** A disk with room for all, until it is filled. */
interface Disk {
  readonly folder: string;
  fill(): void;
  free(): void;
}

async function pretendedDisk(): Promise<Disk> {
  let isFull = false;
  const operations = interceptFileOperations(({ name }) => {
    if (isFull && (name === "piece" || name === "appendFile")) throw noSpace();
  });
  onTestFinished(() => operations.restore());
  const folder = await temporaryFolder();
  return { folder, fill: () => void (isFull = true), free: () => void (isFull = false) };
}

const mountPoint = mkdtempSync(join(tmpdir(), "tmpfs-"));
const mounting = spawnSync("mount", ["-t", "tmpfs", "-o", "size=2m", "tmpfs", mountPoint], { encoding: "utf8" });
const refusal = mounting.error?.message ?? (mounting.status === 0 ? undefined : mounting.stderr.trim());
if (refusal !== undefined) console.log(`skipped: a tmpfs that is full, as none can be mounted here (${refusal})`);
afterAll(async () => {
  if (refusal === undefined) spawnSync("umount", [mountPoint]);
  await rm(mountPoint, { recursive: true });
});

const ballast = join(mountPoint, "ballast");
const tmpfs: Disk = {
  folder: mountPoint,
  // The system writes what fits, then refuses.
  fill: () => {
    try {
      writeFileSync(ballast, Buffer.alloc(4 << 20));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  },
  free: () => rmSync(ballast, { force: true }),
};

const disks: readonly (readonly [name: string, make: () => Promise<Disk> | Disk, refusal: string | undefined])[] = [
  ["that says it is full", pretendedDisk, undefined],
  ["that is full", () => tmpfs, refusal],
];

describe.each(disks)("on a disk %s", (_, make, refusal) => {
  let disk: Disk;
  let out: string;
  let warnings: string[];
  beforeEach(async (context) => {
    context.skip(refusal !== undefined, refusal);
    disk = await make();
    out = join(disk.folder, "run");
    warnings = [];
  });
  afterEach(() => rm(out, { recursive: true }));

  /** Runs; the disk is full from after one step to after another. */
  async function run(fillAfter: number, freeAfter: number, more: Partial<PretrainOptions> = {}): Promise<unknown> {
    const onStep = ({ step }: { step: number }) => {
      if (step === fillAfter) disk.fill();
      if (step === freeAfter) disk.free();
    };
    const options = { recipe, data: images, out, onStep, onWarning: (line: string) => void warnings.push(line), ...more };
    try {
      return await pretrain(options).catch((error: unknown) => error);
    } finally {
      disk.free();
    }
  }

  const names = async () => (await readdir(checkpointsPath(out))).filter((name) => name !== "latest").sort();

  it("a run goes on, says what happened, and has all its lines and its last checkpoints once there is room", async () => {
    const before = tf.memory().numTensors;
    // Full while checkpoints 4 and 6 are due.
    expect(await run(3, 7)).toMatchObject({ step: 10, finished: true });
    expect(await names()).toEqual(["step-0000002", "step-0000008", "step-0000010"]);
    const lines = warnings.filter((line) => line.startsWith("Checkpoint"));
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      /^Checkpoint step-0000004 could not be written: ENOSPC: no space left on device, write; it needs \d+\.\d MiB, \d+\.\d MiB are free\. The last good one is step-0000002\. Make room;/,
    );
    expect(lines[1]).toMatch(/^Checkpoint step-0000006 .* The last good one is step-0000002\./);
    expect((await readMetrics(metricsPath(out))).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect((await readdir(out)).filter(isPartial)).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("a run that cannot save its end fails, names the last good checkpoint, and goes on from it later", async () => {
    const error = await run(7, Infinity);
    expect(error).toBeInstanceOf(UnsavedStepsError);
    expect((error as Error).message).toMatch(/step-0000010 could not be written: ENOSPC.*The last good one is step-0000006\.$/);
    expect(await names()).toEqual(["step-0000002", "step-0000004", "step-0000006"]);
    expect(await readFile(latestPath(out), "utf8")).toBe("step-0000006\n");
    expect(await run(0, 0, { resume: true })).toMatchObject({ step: 10, finished: true });
    expect(basename((await checkpointsToTry(out))[0]!)).toBe("step-0000010");
    expect((await readMetrics(metricsPath(out))).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });
});
