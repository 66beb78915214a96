// A run that is killed again and again, at any moment, and goes on each time, is the run that was never killed.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";
import { isPartial } from "@dinov2/foundation";
import { availableBackends, type BackendOptions, RandomStream } from "@dinov2/tensor";
import { describe, expect, it, onTestFinished } from "vitest";
import type { Orders } from "./killed-run.ts";
import { type MetricsRecord, readMetrics } from "./metrics-log.ts";
import { checkpointsPath, checkpointName, checkpointsToTry, configPath, metricsPath, stepOfCheckpoint } from "./run-folder.ts";
import { tinyRecipe, writeImages } from "./testing.ts";
import { temporaryFolder } from "./testing-folder.ts";

/** Where a run ends: between two operations on files, each as often as a few checkpoints have it, in its steps, or at any time. */
const moments: readonly (readonly [name: string, most: number])[] = [
  ...([["rename", 14], ["sync", 26], ["open", 26], ["close", 26], ["writeFile", 12], ["piece", 400]] as const),
  ...([["rm", 4], ["mkdir", 4], ["truncate", 1], ["appendFile", 9], ["step", 7], ["time", 400]] as const),
];

const everySteps = 3;

const recipeOf = (steps: number, seed = 0) =>
  tinyRecipe({
    model: { depth: 2, dropPathRate: 0.2 },
    heads: { dino: { prototypes: 8, hiddenDim: 8, bottleneckDim: 4 } },
    schedule: { steps },
    data: { batchSize: 2 },
    checkpoint: { everySteps, keep: 2 },
    seed,
  });

/** A process that has loaded everything and waits. */
class Runner {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private readonly ready: Promise<unknown>;
  readonly said: string[] = [];

  constructor(backend: BackendOptions) {
    const node = ["--conditions=@dinov2/source", "--import", "tsx"];
    const script = fileURLToPath(new URL("killed-run.ts", import.meta.url));
    this.child = spawn(process.execPath, [...node, script, JSON.stringify(backend)], { stdio: ["pipe", "pipe", "inherit"] });
    this.lines = createInterface({ input: this.child.stdout! });
    this.ready = new Promise((resolve) => this.lines.once("line", resolve));
  }

  /** @returns the signal that ended it, null when it came to its end */
  async run(orders: Orders): Promise<NodeJS.Signals | null> {
    await this.ready;
    const ended = new Promise<NodeJS.Signals | null>((resolve) => this.child.once("close", (_, signal) => resolve(signal)));
    const { killAt } = orders;
    this.lines.on("line", (line) => {
      this.said.push(line);
      if (killAt?.name === "time" && line.startsWith("start")) setTimeout(() => this.child.kill("SIGKILL"), killAt.count);
    });
    this.child.stdin!.write(`${JSON.stringify(orders)}\n`);
    return ended;
  }

  end(): void {
    this.child.kill("SIGKILL");
  }
}

/** One process after another, the next two of which get ready meanwhile. */
function runnersOn(backend: BackendOptions): () => Runner {
  const waiting = [new Runner(backend), new Runner(backend)];
  onTestFinished(() => waiting.forEach((runner) => runner.end()));
  return () => {
    waiting.push(new Runner(backend));
    return waiting.shift()!;
  };
}

const manifest = (run: string, step: number) =>
  readFile(join(checkpointsPath(run), checkpointName(step), "manifest.json"), "utf8");

/** What a step computed, without what depends on the clock or on the process. */
const results = (records: readonly MetricsRecord[]) => {
  const ofTheProcess = ["step_seconds", "images_per_second", "data_wait_share", "process_bytes", "skipped_images"];
  return records.map((record) => Object.entries(record).filter(([name]) => !ofTheProcess.includes(name)));
};

const { reason: missing } = (await availableBackends()).find(({ name }) => name === "libtorch")!;
if (missing !== undefined) console.log(`skipped: a killed run on libtorch, as ${missing}`);

interface Case {
  readonly backend: BackendOptions;
  /** Of a process that went on from a checkpoint; those that had none yet come on top. */
  readonly kills: number;
  /** More than the kills let pass: some two each. */
  readonly steps: number;
  /** Starts from another run, which is removed as soon as there is a checkpoint. */
  readonly fromWeights?: boolean;
}

const wasm: BackendOptions = { name: "wasm", threads: 1 };
const libtorch: BackendOptions = { name: "libtorch", device: "cpu", threads: 1 };
const cases: readonly (readonly [name: string, Case])[] = [
  ["on wasm", { backend: wasm, kills: 20, steps: 100 }],
  ["that started from weights which are gone", { backend: wasm, kills: 5, steps: 50, fromWeights: true }],
  ...(missing === undefined ? [["on libtorch", { backend: libtorch, kills: 5, steps: 50 }] as const] : []),
];

describe.each(cases)("a run %s", (_, { backend, kills, steps, fromWeights = false }) => {
  it(`killed at ${kills} random moments is the uninterrupted one, bit for bit`, { timeout: 900_000 }, async () => {
    const nextRunner = runnersOn(backend);
    const folder = await temporaryFolder();
    const [data, first, whole, out] = ["images", "first", "whole", "killed"].map((name) => join(folder, name)) as [string, string, string, string];
    await writeImages(data, 14);
    await writeFile(join(data, "spoilt.png"), "not a picture"); // another one takes its place

    const recipe = recipeOf(steps);
    const init = fromWeights ? { init: { model: first } } : {};
    if (fromWeights) expect(await nextRunner().run({ recipe: recipeOf(4, 9), data, out: first, killAt: null })).toBe(null);
    const keepAll = { ...recipe, checkpoint: { ...recipe.checkpoint, keep: 1000 } };
    expect(await nextRunner().run({ recipe: keepAll, data, out: whole, ...init, killAt: null })).toBe(null);

    const seed = Date.now() % 1_000_000;
    const random = RandomStream.fromSeed(seed);
    const order = random.permutation(moments.length);
    let killed = 0;
    for (let start = 0; ; start++) {
      const [name, most] = moments[order[start % moments.length]!]!;
      const killAt = killed < kills ? { name, count: 1 + random.integer(most) } : null;
      const moment = `seed ${seed}, start ${start}, killed at ${JSON.stringify(killAt)}`;
      // The last one saved before this start: latest names it.
      const [newest] = await checkpointsToTry(out);
      if (newest) await rm(first, { recursive: true, force: true });
      // Without one, a run from weights cannot go on: only its first process had them.
      else if (fromWeights && existsSync(configPath(out))) await rm(out, { recursive: true });
      const resume = existsSync(configPath(out));
      const runner = nextRunner();
      const signal = await runner.run({ recipe, data, out, ...(resume ? { resume } : init), killAt });
      const started = runner.said.find((line) => line.startsWith("start"));
      if (started) expect(started, moment).toBe(`start ${newest ? stepOfCheckpoint(basename(newest)) : 0}`);
      expect(runner.said.filter((line) => line.startsWith("warning Checkpoint")), moment).toEqual([]);
      for (const checkpoint of await checkpointsToTry(out)) {
        const step = stepOfCheckpoint(basename(checkpoint))!;
        expect(await manifest(out, step), moment).toBe(await manifest(whole, step));
      }
      if (signal === null) break;
      if (newest) killed += 1;
    }

    expect(killed).toBe(kills);
    const [expected, got] = [await readMetrics(metricsPath(whole)), await readMetrics(metricsPath(out))];
    expect(got.map(({ step }) => step)).toEqual(Array.from({ length: steps }, (_, i) => i + 1));
    expect(results(got)).toEqual(results(expected));
    const left = [...(await readdir(out)), ...(await readdir(checkpointsPath(out)))];
    expect(left.filter((name) => isPartial(name) || name === "run.lock")).toEqual([]);
    expect(left.filter((name) => name.startsWith("step-")).sort()).toEqual([steps - (steps % everySteps), steps].map(checkpointName));
  });
});
