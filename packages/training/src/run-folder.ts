// Where a run's files are, and whether a run may start or go on in a folder.
//
//     RUN/config.json                              the complete recipe
//     RUN/warm-start.json                          what became of the weights it started from, if it did
//     RUN/metrics.jsonl                            see `metrics-log.ts`
//     RUN/events.jsonl                             what was odd, see `watch/run-watch.ts`
//     RUN/tensorboard/                             see `tensorboard/event-file.ts`
//     RUN/checkpoints/step-0000123/                see `checkpoint.ts`
//     RUN/checkpoints/latest                       text: the newest checkpoint's name
//     RUN/run.lock                                 see `run-lock.ts`

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { InputError, isPartial } from "@dinov2/foundation";
import { parseRecipe, type Recipe, recipeDifferences } from "./recipe.ts";

export const configPath = (run: string) => join(run, "config.json");
export const warmStartPath = (run: string) => join(run, warmStartName);
export const metricsPath = (run: string) => join(run, "metrics.jsonl");
export const eventsPath = (run: string) => join(run, "events.jsonl");
export const tensorboardPath = (run: string) => join(run, "tensorboard");
export const checkpointsPath = (run: string) => join(run, "checkpoints");
export const latestPath = (run: string) => join(checkpointsPath(run), "latest");
export const checkpointName = (step: number) => `step-${String(step).padStart(7, "0")}`;
export const lockPath = (run: string) => join(run, lockName);

const lockName = "run.lock";
const warmStartName = "warm-start.json";

/** The steps done of a checkpoint's folder; undefined for another name. */
export function stepOfCheckpoint(name: string): number | undefined {
  const digits = /^step-(\d+)$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Keys that may change when a run is resumed: they do not change what is learned. */
const freeOnResume = [
  "data.workers",
  "data.cacheMebibytes",
  "data.maxSkippedShare",
  "checkpoint.everySteps",
  "checkpoint.keep",
  "checkpoint.keepEverySteps",
  "checkpoint.keepBest",
  "log.everySteps",
  "log.tensorboard",
  "watch.maxNonFiniteSteps",
  "watch.monitorEverySteps",
  "watch.knnEverySteps",
  "watch.knnTrain",
  "watch.knnTest",
  "watch.knnImages",
  // These change rounding alone. Not accumulationSteps: stochastic depth draws by part, and KoLeo and Sinkhorn-Knopp may look at one.
  "efficiency.recomputeBlocks",
  "efficiency.packCrops",
  "efficiency.skipDropped",
  "efficiency.headsOnHiddenOnly",
];

const missing = (error: NodeJS.ErrnoException) => {
  if (error.code === "ENOENT") return undefined;
  if (error.code === "ENOTDIR")
    throw new InputError(`${error.path} cannot be a run folder: a part of that path is a file.`);
  throw error;
};

/**
 * @throws InputError when `run` is there and not empty; what a process left does not count that was killed before there was a
 *   config.json, which alone makes a folder one to resume
 */
export async function requireEmptyRun(run: string): Promise<void> {
  const entries = (await readdir(run).catch(missing))?.filter((name) => !isPartial(name) && name !== lockName) ?? [];
  if (entries.some((name) => name !== warmStartName)) {
    throw new InputError(
      `The run folder ${run} is not empty (${entries.slice(0, 3).join(", ")}); ` +
        "go on with --resume, or give another --out.",
    );
  }
}

/** The recipe that a run was started with. @throws InputError when `run` is no run folder */
export async function readRunRecipe(run: string): Promise<Recipe> {
  const text = await readFile(configPath(run), "utf8").catch(missing);
  if (text === undefined) {
    throw new InputError(
      `Nothing to resume in ${run}: it has no config.json; leave out --resume to start a run there.`,
    );
  }
  let settings: unknown;
  try {
    settings = JSON.parse(text);
  } catch {
    throw new InputError(`${configPath(run)} is not readable JSON; the run cannot be resumed.`);
  }
  return parseRecipe(settings, configPath(run));
}

/** @throws InputError that lists every key in which `recipe` is not the one that `run` was started with */
export async function requireSameRecipe(run: string, recipe: Recipe): Promise<void> {
  const differences = recipeDifferences(await readRunRecipe(run), recipe).filter(
    (difference) => !freeOnResume.some((key) => difference.startsWith(`${key}:`)),
  );
  if (differences.length > 0) {
    throw new InputError(
      `--resume with a changed recipe: ${run} was started with other values (${differences.join("; ")}); ` +
        "give the same recipe, or another --out.",
    );
  }
}

/** @throws InputError when `run`, which has no checkpoint yet, started from weights that only its first process had */
export async function requireOwnStart(run: string): Promise<void> {
  if ((await readFile(warmStartPath(run), "utf8").catch(missing)) === undefined) return;
  throw new InputError(
    `Nothing to resume in ${run}: it started from weights and has no checkpoint yet; ` +
      "remove the folder and start again with --init.",
  );
}

/**
 * The run's checkpoints, the best one to go on from first: the one that `latest` names, then those before it, the newest
 * first, then those after it, there when the run was sent back by hand. Not looked into.
 */
export async function checkpointsToTry(run: string): Promise<string[]> {
  const latest = (await readFile(latestPath(run), "utf8").catch(missing))?.trim();
  const there = ((await readdir(checkpointsPath(run)).catch(missing)) ?? []).filter((name) => stepOfCheckpoint(name) !== undefined);
  const step = (name: string) => stepOfCheckpoint(name)!;
  const named = latest === undefined || stepOfCheckpoint(latest) === undefined ? [] : [latest];
  const last = named[0] === undefined ? Infinity : step(named[0]);
  const newestFirst = there.filter((name) => name !== latest).sort((a, b) => step(b) - step(a));
  const [before, after] = [newestFirst.filter((name) => step(name) < last), newestFirst.filter((name) => step(name) > last)];
  return [...named, ...before, ...after].map((name) => join(checkpointsPath(run), name));
}
