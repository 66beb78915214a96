import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { InputError, tf, useBackend } from "@dinov2/tensor";
import type { VisionTransformer } from "@dinov2/vit";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type MetricsRecord, readMetrics } from "./metrics-log.ts";
import { pretrain, type PretrainOptions } from "./pretrain.ts";
import type { Recipe } from "./recipe.ts";
import type { WatchEvent } from "./watch/run-watch.ts";
import { tinyRecipe, writeImages } from "./testing.ts";
import { interceptFileOperations } from "./testing-files.ts";
import { temporaryFolder } from "./testing-folder.ts";

let images: string;
let out: string;

beforeAll(async () => {
  await useBackend({ name: "cpu" });
  images = await temporaryFolder();
  await writeImages(images, 10);
});

beforeEach(async () => {
  out = join(await temporaryFolder(), "run");
});

const run = (recipe: Recipe, more: Partial<PretrainOptions> = {}) => pretrain({ recipe, data: images, out, ...more });

const nothingWritten = async () => expect(await readdir(out).catch(() => [])).toEqual([]);

const onTheClock = ["step_seconds", "images_per_second", "data_wait_share", "process_bytes"];

/** What a step computed, without what depends on the clock. */
const results = (records: readonly MetricsRecord[]) =>
  records.map((record) => Object.entries(record).filter(([name]) => !onTheClock.includes(name)));

const weights = (folder: string, step: string, file: string) =>
  readFile(join(folder, "checkpoints", step, `${file}.safetensors`));

describe("pretrain", () => {
  it("leaves the complete recipe, a line of metrics a step, and checkpoints", async () => {
    const before = tf.memory().numTensors;
    const summary = await run(tinyRecipe());
    expect(summary).toMatchObject({ step: 10, steps: 10, finished: true, images: 10, skippedImages: 0 });
    expect(JSON.parse(await readFile(join(out, "config.json"), "utf8"))).toEqual(tinyRecipe());
    const metrics = await readMetrics(join(out, "metrics.jsonl"));
    expect(metrics.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(metrics[0]).toMatchObject({ learning_rate: 0, teacher_temperature: 0.04, skipped_images: 0 });
    const names = ["latest", "step-0000004", "step-0000008", "step-0000010"];
    expect((await readdir(join(out, "checkpoints"))).sort()).toEqual(names);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each(["centering", "sinkhorn-knopp"] as const)(
    "resumed equals uninterrupted, bit for bit (%s)",
    async (targets) => {
      const recipe = tinyRecipe({
        teacher: { targets },
        model: { dropPathRate: 0.2, depth: 2 },
        schedule: { steps: 9 },
      });
      const whole = `${out}-whole`;
      await run(recipe, { out: whole });

      const stop = new AbortController();
      const first = await run(recipe, { signal: stop.signal, onStep: ({ step }) => step === 3 && stop.abort() });
      expect(first).toMatchObject({ step: 3, finished: false });
      const second = await run(recipe, { resume: true });
      expect(second).toMatchObject({ step: 9, finished: true });

      const [expected, got] = [
        await readMetrics(join(whole, "metrics.jsonl")),
        await readMetrics(join(out, "metrics.jsonl")),
      ];
      expect(results(got)).toEqual(results(expected));
      for (const file of ["student", "teacher", "optimizer"]) {
        expect(await weights(out, "step-0000009", file)).toEqual(await weights(whole, "step-0000009", file));
      }
    },
  );

  it("goes on from the checkpoint when the log is ahead of it, as after a crash", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 6 } });
    await run(recipe);
    const expected = await readMetrics(join(out, "metrics.jsonl"));
    await writeFile(join(out, "checkpoints", "latest"), "step-0000004\n");
    await run(recipe, { resume: true });
    expect(results(await readMetrics(join(out, "metrics.jsonl")))).toEqual(results(expected));
  });

  it("goes on from the newest whole checkpoint when later ones are damaged, and says so", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 6 }, checkpoint: { everySteps: 2 } });
    await run(recipe);
    const expected = await readMetrics(join(out, "metrics.jsonl"));
    const file = (step: string, name: string) => join(out, "checkpoints", step, name);
    const whole = await readFile(file("step-0000006", "student.safetensors"));
    const flipped = Buffer.from(whole);
    flipped[flipped.length - 5]! ^= 4;
    await writeFile(file("step-0000006", "student.safetensors"), flipped);
    await rm(file("step-0000004", "manifest.json"));

    const warnings: string[] = [];
    const starts: number[] = [];
    const onStart = ({ step }: { step: number }) => starts.push(step);
    const summary = await run(recipe, { resume: true, onStart, onWarning: (line) => warnings.push(line) });
    expect(summary).toMatchObject({ step: 6, finished: true });
    expect(starts).toEqual([2]);
    expect(warnings).toEqual([
      "Checkpoint step-0000006 was skipped: student.safetensors is damaged (its content is not what was written (SHA-256 " +
        "differs)); it is now damaged-step-0000006.",
      "Checkpoint step-0000004 was skipped: manifest.json is damaged (it is missing); it is now damaged-step-0000004.",
      "Going back to step-0000002.",
    ]);
    expect(await readFile(file("step-0000006", "student.safetensors"))).toEqual(whole);
    expect(results(await readMetrics(join(out, "metrics.jsonl")))).toEqual(results(expected));
  });

  it("starts over when it was stopped before its first checkpoint", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 3 } });
    await run(recipe);
    const expected = await readMetrics(join(out, "metrics.jsonl"));
    await rm(join(out, "checkpoints"), { recursive: true });
    expect(await run(recipe, { resume: true })).toMatchObject({ step: 3, finished: true });
    expect(results(await readMetrics(join(out, "metrics.jsonl")))).toEqual(results(expected));
  });

  it("writes nothing when it is stopped while its first batch is loading", async () => {
    const stop = new AbortController();
    const stopped = run(tinyRecipe(), { signal: stop.signal });
    stop.abort();
    expect(await stopped).toMatchObject({ step: 0, finished: false, last: undefined });
    await nothingWritten();
  });

  it("writes one checkpoint when it is stopped while it writes one", async () => {
    const stop = new AbortController();
    let written = 0;
    const disk = interceptFileOperations(({ name, path }) => {
      if (name !== "rename" || !basename(path).startsWith(".step-")) return;
      written += 1;
      stop.abort();
    });
    const summary = await run(tinyRecipe({ checkpoint: { everySteps: 2 } }), { signal: stop.signal });
    disk.restore();
    expect({ ...summary, written }).toMatchObject({ step: 2, finished: false, written: 1 });
    expect((await readdir(join(out, "checkpoints"))).sort()).toEqual(["latest", "step-0000002"]);
  });

  it("does nothing more when the run was finished", async () => {
    await run(tinyRecipe({ schedule: { steps: 3 } }));
    const summary = await run(tinyRecipe({ schedule: { steps: 3 } }), { resume: true });
    expect(summary).toMatchObject({ step: 3, finished: true, last: undefined });
  });

  it("leaves out an image that cannot be decoded, names it, and counts it", async () => {
    const folder = await temporaryFolder();
    await writeImages(folder, 24);
    await writeFile(join(folder, "broken.png"), "not a picture");
    const skipped: string[] = [];
    const summary = await run(tinyRecipe(), { data: folder, onSkip: (name) => skipped.push(name) });
    expect(summary.skippedImages).toBe(1);
    expect(skipped).toEqual(["broken.png"]);
  });

  it("stops when losses stay no numbers, names the batches' files, and saves nothing of it", async () => {
    const recipe = tinyRecipe({ optimizer: { learningRate: 1e30 }, schedule: { warmupSteps: 0 } });
    const said: string[] = [];
    const stopped = run(recipe, { onWarning: (message) => said.push(message) });
    await expect(stopped).rejects.toThrow(/Step \d+: .*total_loss is (NaN|-?Infinity).*3 steps in a row.*image-\d+\.png/);
    expect(await readdir(join(out, "checkpoints")).catch(() => [])).toEqual([]);
    const lines = (await readFile(join(out, "events.jsonl"), "utf8")).trim().split("\n");
    const events = lines.map((line) => JSON.parse(line) as WatchEvent).filter(({ kind }) => kind === "non-finite");
    expect(events.map(({ files }) => files!.length)).toEqual([4, 4, 4]);
    expect(said).toEqual(expect.arrayContaining(events.map(({ message }) => message)));
  });

  it("learns the same watched or not, stopped or not", async () => {
    const steps = { schedule: { steps: 9 }, teacher: { targets: "centering" } } as const;
    const unwatched = tinyRecipe({ ...steps, watch: { monitorEverySteps: 0 } });
    const watched = tinyRecipe({
      ...steps,
      // So many deviations that every other step is a spike; skipped they would change what is learned.
      watch: { monitorEverySteps: 1, knnEverySteps: 2, spikeWindow: 2, spikeThreshold: 0.01 },
      log: { tensorboard: true },
    });
    const before = tf.memory().numTensors;
    const measure = (backbone: VisionTransformer) =>
      Promise.resolve({ knn_top1: backbone.parameters.get("cls_token")!.dataSync()[0]! });
    const evaluation = { metric: "knn_top1", measure };
    const plain = `${out}-plain`;
    await run(unwatched, { out: plain });
    const stop = new AbortController();
    await run(watched, { evaluation, signal: stop.signal, onStep: ({ step }) => step === 5 && stop.abort() });
    await run(watched, { evaluation, resume: true });
    expect(tf.memory().numTensors).toBe(before);
    const records = await readMetrics(join(out, "metrics.jsonl"));
    const losses = (all: readonly MetricsRecord[]) => all.map(({ step, total_loss }) => [step, total_loss]);
    expect(losses(records)).toEqual(losses(await readMetrics(join(plain, "metrics.jsonl"))));
    expect(records.every(({ feature_rank }) => feature_rank! > 0)).toBe(true);
    for (const file of ["student", "teacher", "optimizer", "centers"]) {
      expect(await weights(out, "step-0000009", file)).toEqual(await weights(plain, "step-0000009", file));
    }
    expect(await readdir(join(out, "tensorboard"))).toHaveLength(2);
  });

  it("skips the same spikes when it is resumed", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 12 }, watch: { skipSpikes: true, spikeWindow: 4, spikeThreshold: 0.1 } });
    const whole = `${out}-whole`;
    await run(recipe, { out: whole });
    const stop = new AbortController();
    await run(recipe, { signal: stop.signal, onStep: ({ step }) => step === 7 && stop.abort() });
    await run(recipe, { resume: true });
    const expected = await readMetrics(join(whole, "metrics.jsonl"));
    expect(results(await readMetrics(join(out, "metrics.jsonl")))).toEqual(results(expected));
    const skipped = expected.map(({ skipped_steps }) => skipped_steps!);
    expect(skipped[6]).toBeGreaterThan(0);
    expect(skipped[11]).toBeGreaterThan(skipped[6]!);
    expect(await readFile(join(out, "events.jsonl"), "utf8")).toBe(await readFile(join(whole, "events.jsonl"), "utf8"));
  });
});

describe("pretrain refuses, and writes nothing, when", () => {
  const refused = async (recipe: Recipe, more: Partial<PretrainOptions>, words: RegExp) => {
    const said: string[] = [];
    const onSkip = (name: string) => said.push(name);
    const error: unknown = await run(recipe, { ...more, onSkip }).catch((reason: unknown) => reason);
    expect(said).toEqual([]);
    expect(error).toBeInstanceOf(InputError);
    expect((error as Error).message).toMatch(words);
  };

  it("the images are missing, none, or fewer than a batch", async () => {
    await refused(tinyRecipe(), { data: "/nowhere" }, /\/nowhere/);
    await refused(tinyRecipe(), { data: await temporaryFolder() }, /is empty/);
    await refused(tinyRecipe({ data: { batchSize: 11 } }), {}, /has 10 images, expected at least data\.batchSize 11/);
    await nothingWritten();
  });

  it("no image can be decoded", async () => {
    const folder = await temporaryFolder();
    for (let i = 0; i < 6; i++) await writeFile(join(folder, `${i}.png`), "not a picture");
    await refused(tinyRecipe(), { data: folder }, /cannot be used/);
    await nothingWritten();
  });

  it("the run folder is in use, or has nothing to resume", async () => {
    await refused(tinyRecipe(), { out: images }, /is not empty.*--resume/);
    await refused(tinyRecipe(), { resume: true }, /Nothing to resume/);
    await nothingWritten();
  });

  it("another process works in the run folder", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 2 } });
    let second: Promise<void> | undefined;
    const onStep = () => void (second ??= refused(recipe, { resume: true }, /is in use by process \d+/));
    await run(recipe, { onStep });
    await second;
    expect(await readdir(out)).not.toContain("run.lock");
  });

  it("no checkpoint of a run is whole", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 2 } });
    await run(recipe);
    await writeFile(join(out, "checkpoints", "step-0000002", "state.json"), "{}");
    await refused(recipe, { resume: true }, /no checkpoint is whole\. .*state\.json is damaged: it has 2 bytes/);
    expect(await readdir(out)).not.toContain("run.lock");
  });

  it("a run is resumed with another recipe or other images", async () => {
    const recipe = tinyRecipe({ schedule: { steps: 2 } });
    await run(recipe);
    const before = await readFile(join(out, "config.json"), "utf8");
    const other = tinyRecipe({ schedule: { steps: 4 }, masking: { probability: 0.4 } });
    await refused(other, { resume: true }, /masking\.probability: 0\.5 → 0\.4/);
    await refused(other, { resume: true }, /schedule\.steps: 2 → 4/);
    const folder = await temporaryFolder();
    await writeImages(folder, 12);
    await refused(recipe, { resume: true, data: folder }, /the run saw 10 images.*has 12/);
    const renamed = await temporaryFolder();
    await writeImages(renamed, 9);
    await copyFile(join(images, "image-009.png"), join(renamed, "other.png"));
    await refused(recipe, { resume: true, data: renamed }, /has 10 or other names/);
    expect(await readFile(join(out, "config.json"), "utf8")).toBe(before);
  });
});
