// Files and folders that are there whole or not at all, whenever the process or the machine stops. What is being
// made has a temporary name, `.NAME.UUID.partial`, until it is complete and on the disk.

import { randomUUID } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";

/** Makes the rename of an entry of `folder` durable: a rename lives in the folder, not in the file. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes `folder` and what is missing above it, durably: a new folder is an entry of the one above. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  const top = dirname(resolve(first));
  for (let made = resolve(folder); made !== top; made = dirname(made)) await syncFolder(dirname(made));
}

/**
 * The system refused to write. Says what and why: a system error by itself ("ENOSPC: no space left on device, write")
 * names no file, or a temporary one.
 */
export class WriteError extends Error {
  /** As in "ENOSPC". */
  readonly code: string | undefined;

  constructor(
    /** What the caller wanted to write. */
    readonly path: string,
    override readonly cause: NodeJS.ErrnoException,
  ) {
    super(`Cannot write ${path}: ${cause.message}; nothing of it was left behind.`, { cause });
    this.name = "WriteError";
    this.code = cause.code;
  }
}

/** A system's refusal with the name that the caller knows; any other error as it is. */
function describeFailure(path: string, error: unknown): unknown {
  if (error instanceof WriteError) return new WriteError(path, error.cause);
  return error instanceof Error && "syscall" in error ? new WriteError(path, error as NodeJS.ErrnoException) : error;
}

const temporaryBeside = (path: string) => join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`);

/** Whether an entry of a folder is one that was not finished, or not yet. */
export const isPartial = (name: string): boolean => /^\..+\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.partial$/.test(name);

/** Removes what processes that were killed left unfinished in `folder`. Nobody may be writing there. */
export async function removePartials(folder: string): Promise<void> {
  for (const name of (await readdir(folder)).filter(isPartial)) await discard(join(folder, name));
}

/** Cleaning up after a failure must not hide its reason. */
const discard = (path: string) => rm(path, { recursive: true, force: true }).catch(() => undefined);

/**
 * Writes a file so that a reader finds the old content or the new one, never a part: to a temporary
 * name beside it, flushed to disk, then renamed. On an error the temporary file is removed.
 * @throws WriteError when the system refuses, as on a full disk
 */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array | AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const handle = await open(temporary, "wx");
    try {
      await handle.writeFile(content as Uint8Array);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await discard(temporary);
    throw describeFailure(path, error);
  }
}

/**
 * Fills a folder through `fill` under a temporary name, then gives it the name `path`, in place of the folder that may
 * have it. When `fill` fails nothing stays behind, and the old folder stays.
 * @throws WriteError when the system refuses, as on a full disk
 */
export async function createFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await makeFolder(dirname(path));
    await mkdir(temporary);
    await fill(temporary);
    await syncFolder(temporary);
    await removeFolderAtomic(path);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await discard(temporary);
    throw describeFailure(path, error);
  }
}

/** Removes a folder so that nobody finds a part of it: it loses its name first. None there is fine. */
export async function removeFolderAtomic(path: string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await rename(path, temporary);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  await discard(temporary);
}
