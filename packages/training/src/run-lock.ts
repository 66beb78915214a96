// One process at a time works in a run folder: two would cut each other's log and replace each other's checkpoints.
// RUN/run.lock says who. A lock whose process has ended, as after a kill, is taken over.

import { readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { InputError, removePartials, WriteError } from "@dinov2/foundation";
import { checkpointsPath, lockPath } from "./run-folder.ts";

interface Holder {
  readonly pid: number;
  readonly host: string;
  /** When the process started, in the system's own count: numbers of processes are given again. Empty where unknown. */
  readonly started: string;
}

export interface RunLock {
  release(): Promise<void>;
}

/** An unreadable lock is one that is just being written, or what a crash left of it, which is older than this. */
const writingMilliseconds = 10_000;

/**
 * Takes the lock of a run folder that is there, and removes what killed processes left unfinished in it.
 * @throws InputError when another process holds it: says which
 */
export async function lockRun(run: string): Promise<RunLock> {
  const path = lockPath(run);
  const own = JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) } satisfies Holder);
  // More than once only when others come and go at the same time.
  for (let attempt = 0; attempt < 3; attempt++) {
    if (await create(path, own)) {
      await removePartials(run);
      await removePartials(checkpointsPath(run)).catch(ignoreMissing);
      return { release: () => removeIfOurs(path, own) };
    }
    const found = await readFile(path, "utf8").catch(ignoreMissing);
    if (found === undefined) continue;
    await requireStale(run, path, found);
    await takeAway(path, found);
  }
  throw new InputError(`${run} is in use: other processes are starting in it; wait until they have ended.`);
}

/** @returns false when there is a lock @throws WriteError when the system refuses */
async function create(path: string, content: string): Promise<boolean> {
  try {
    await writeFile(path, content, { flag: "wx" });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    await rm(path, { force: true });
    throw new WriteError(path, error as NodeJS.ErrnoException);
  }
}

async function requireStale(run: string, path: string, content: string): Promise<void> {
  const holder = parseHolder(content);
  if (holder === undefined) {
    const entry = await stat(path).catch(ignoreMissing);
    if (entry === undefined || Date.now() - entry.mtimeMs > writingMilliseconds) return;
    throw new InputError(`${run} is in use: another process is just starting in it.`);
  }
  if (holder.host === hostname() && !isRunning(holder)) return;
  const where = holder.host === hostname() ? "" : ` on ${holder.host}`;
  throw new InputError(
    `${run} is in use by process ${holder.pid}${where}; wait until it has ended` +
      (where ? `, or remove ${path} if it has.` : ", or stop it."),
  );
}

function parseHolder(content: string): Holder | undefined {
  try {
    const { pid, host, started } = JSON.parse(content) as Partial<Holder>;
    if (Number.isInteger(pid) && typeof host === "string" && typeof started === "string") return { pid: pid!, host, started };
  } catch {
    // Not whole.
  }
  return undefined;
}

function isRunning({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it is there, and another user's.
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  return started === startOf(pid);
}

/** Clock ticks from the machine's start to the process's (proc(5), field 22 of `stat`), on Linux. */
function startOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the program's name in parentheses, may hold anything.
    return fields.slice(fields.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

/** Moves a stale lock out of the way; one that took its place meanwhile is put back. */
async function takeAway(path: string, content: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  await rename(path, aside).catch(ignoreMissing);
  const moved = await readFile(aside, "utf8").catch(ignoreMissing);
  if (moved !== undefined && moved !== content) await rename(aside, path);
  await rm(aside, { force: true });
}

async function removeIfOurs(path: string, own: string): Promise<void> {
  if ((await readFile(path, "utf8").catch(ignoreMissing)) === own) await rm(path, { force: true });
}

function ignoreMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
