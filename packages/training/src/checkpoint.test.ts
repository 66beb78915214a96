import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { openSafetensors, RandomStream, tf, useBackend } from "@dinov2/tensor";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { checkpointBytes, loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { DamagedCheckpointError } from "./checkpoint-manifest.ts";
import { namedParameters } from "./network.ts";
import { pretrainStep } from "./pretrain-step.ts";
import { createSchedules } from "./schedules.ts";
import { noiseBatch, tinyRecipe } from "./testing.ts";
import { interceptFileOperations, noSpace } from "./testing-files.ts";
import { temporaryFolder } from "./testing-folder.ts";
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
    run = await temporaryFolder();
  });

  it.each(["centering", "sinkhorn-knopp"] as const)(
    "holds all that the next steps depend on, with %s",
    async (targets) => {
      const recipe = tinyRecipe({ teacher: { targets }, model: { dropPathRate: 0.2, depth: 2 } });
      const state = createTrainingState(recipe);
      await train(state, recipe, 0, 3);
      const folder = await saveCheckpoint(run, state, info(3));
      const expected = await train(state, recipe, 3, 6);

      const restored = createTrainingState({ ...recipe, seed: 99 });
      expect(await loadCheckpoint(folder, restored)).toEqual(info(3));
      expect(await train(restored, recipe, 3, 6)).toEqual(expected);
      disposeTrainingState(state);
      disposeTrainingState(restored);
    },
  );

  it("has official names, and the architecture beside the teacher's weights", async () => {
    const state = createTrainingState(tinyRecipe());
    const folder = await saveCheckpoint(run, state, info(0));
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

  it("is the latest only when it is whole, and takes the place of one of the same step", async () => {
    const state = createTrainingState(tinyRecipe());
    await saveCheckpoint(run, state, info(4));
    const disk = interceptFileOperations(({ name, path }) => {
      if (name === "open" && path.includes("optimizer.safetensors")) throw noSpace();
    });
    await expect(saveCheckpoint(run, state, info(8))).rejects.toThrow(/Cannot write .*step-0000008: ENOSPC/);
    await expect(saveCheckpoint(run, state, info(4))).rejects.toThrow(/Cannot write .*step-0000004: ENOSPC/);
    disk.restore();
    expect((await readdir(join(run, "checkpoints"))).sort()).toEqual(["latest", "step-0000004"]);
    expect(await readFile(join(run, "checkpoints", "latest"), "utf8")).toBe("step-0000004\n");

    const metric = { name: "knn.top1", value: 50 };
    const folder = await saveCheckpoint(run, state, { ...info(4), metric });
    expect(await loadCheckpoint(folder, state)).toEqual({ ...info(4), metric });
    disposeTrainingState(state);
  });

  it("leaves no tensor behind when it is written and read", async () => {
    const state = createTrainingState(tinyRecipe());
    const before = tf.memory().numTensors;
    await loadCheckpoint(await saveCheckpoint(run, state, info(0)), state);
    expect(tf.memory().numTensors).toBe(before);
    disposeTrainingState(state);
  });

  it("counts its bytes before it is written", async () => {
    const state = createTrainingState(tinyRecipe());
    const folder = await saveCheckpoint(run, state, info(0));
    const files = (await readdir(folder)).filter((name) => name.endsWith(".safetensors"));
    const sizes = await Promise.all(files.map(async (name) => (await stat(join(folder, name))).size));
    const data = sizes.reduce((sum, size) => sum + size, 0);
    expect(checkpointBytes(state)).toBeLessThan(data);
    expect(checkpointBytes(state)).toBeGreaterThan(data / 2); // the rest are headers, of a model so small
    disposeTrainingState(state);
  });

  it("of another architecture is refused with what differs, and changes nothing", async () => {
    const state = createTrainingState(tinyRecipe());
    const folder = await saveCheckpoint(run, state, info(0));
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

  describe("whose file", () => {
    const files = ["teacher.safetensors", "student.safetensors", "optimizer.safetensors", "centers.safetensors"];
    const all = [...files, "state.json", "manifest.json"];
    let folder: string;
    let state: TrainingState;
    beforeAll(async () => {
      state = createTrainingState(tinyRecipe());
      folder = await saveCheckpoint(await temporaryFolder(), state, info(4));
    });
    afterAll(() => disposeTrainingState(state));

    /** Loads it with a file changed, then mends it. */
    async function loadWith(file: string, change: (content: Buffer, path: string) => Promise<unknown>): Promise<unknown> {
      const path = join(folder, file);
      const whole = await readFile(path);
      await change(Buffer.from(whole), path);
      const before = namedParameters(state.teacher).get("backbone.cls_token")!.dataSync().slice();
      const error: unknown = await loadCheckpoint(folder, state).catch((reason: unknown) => reason);
      expect(namedParameters(state.teacher).get("backbone.cls_token")!.dataSync()).toEqual(before);
      await writeFile(path, whole);
      return error;
    }

    const expectDamage = (error: unknown, file: string, what: RegExp) => {
      expect(error).toBeInstanceOf(DamagedCheckpointError);
      expect(error).toMatchObject({ folder, file });
      expect((error as Error).message).toMatch(what);
    };

    it.each(all)("%s is missing is refused by name", async (file) => {
      expectDamage(await loadWith(file, (_, path) => rm(path)), file, new RegExp(`${file} is damaged: it is missing`));
    });

    it.each(all)("%s was cut off or went on is refused by name", async (file) => {
      for (const cut of [0, 1, 100]) {
        const error = await loadWith(file, (content, path) => writeFile(path, content.subarray(0, cut)));
        expectDamage(error, file, file === "manifest.json" ? /not a list of files/ : /it has \d+ bytes, expected \d+/);
      }
      if (file === "manifest.json") return;
      const longer = await loadWith(file, (content, path) => writeFile(path, Buffer.concat([content, Buffer.alloc(1)])));
      expectDamage(longer, file, /expected/);
    });

    it.each([...files, "state.json"])("%s has one bit flipped is refused by name", async (file) => {
      const random = RandomStream.fromSeed(5);
      for (let flip = 0; flip < 12; flip++) {
        const error = await loadWith(file, (content, path) => {
          content[random.integer(content.length)]! ^= 1 << random.integer(8);
          return writeFile(path, content);
        });
        expectDamage(error, file, /SHA-256 differs/);
      }
    });

    it("manifest.json has one bit flipped is refused, or nothing that counts was hit", async () => {
      const random = RandomStream.fromSeed(6);
      const whole = JSON.parse(await readFile(join(folder, "manifest.json"), "utf8")) as unknown;
      for (let flip = 0; flip < 60; flip++) {
        let same = false;
        const error = await loadWith("manifest.json", (content, path) => {
          content[random.integer(content.length)]! ^= 1 << random.integer(8);
          try {
            same = isDeepStrictEqual(JSON.parse(content.toString("utf8")), whole);
          } catch {
            same = false;
          }
          return writeFile(path, content);
        });
        if (!same) expect(error).toBeInstanceOf(DamagedCheckpointError);
      }
    });

    it("manifest.json names files elsewhere, or is endless, is refused", async () => {
      const forged = JSON.stringify({ files: { "../../latest": { bytes: 1, sha256: "0".repeat(64) } } });
      const error = await loadWith("manifest.json", (_, path) => writeFile(path, forged));
      expectDamage(error, "manifest.json", /not a list of files/);
      const endless = await loadWith("manifest.json", (_, path) => writeFile(path, " ".repeat(100_000)));
      expectDamage(endless, "manifest.json", /too many/);
    });
  });
});
