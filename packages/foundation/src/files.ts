import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Makes the rename of an entry of `folder` durable: a rename lives in the folder, not in the file. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Says what could not be written and why: a system error by itself ("ENOSPC: no space left on device, write") names no file. */
class WriteError extends Error {
  constructor(path: string, reason: Error) {
    super(`Cannot write ${path}: ${reason.message}; nothing of it was left behind.`, { cause: reason });
  }
}

/** A system's refusal with the name that the caller knows; any other error as it is. */
function describeFailure(path: string, error: unknown): unknown {
  if (error instanceof WriteError) return new WriteError(path, error.cause as Error);
  return error instanceof Error && "syscall" in error ? new WriteError(path, error) : error;
}

const temporaryBeside = (path: string) => join(dirname(path), `.${basename(path)}.${randomUUID()}.partial`);

/**
 * Writes a file so that a reader finds the old content or the new one, never a part: to a temporary
 * name beside it, flushed to disk, then renamed. On an error the temporary file is removed.
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
    await rm(temporary, { force: true });
    throw describeFailure(path, error);
  }
}

/**
 * Fills a folder through `fill` under a temporary name, then renames it to `path`. A folder already
 * at `path` is an error of the caller. On an error nothing stays behind.
 */
export async function createFolderAtomic(path: string, fill: (folder: string) => Promise<void>): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await mkdir(temporary, { recursive: true });
    await fill(temporary);
    await syncFolder(temporary);
    await rename(temporary, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw describeFailure(path, error);
  }
}
