// For this package's tests: folders that are there until the last test of a file has ended.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const folders: string[] = [];
afterAll(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true }))));

/** A new, empty folder. May be called anywhere in a test file, its hooks included. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "dinov2-training-"));
  folders.push(folder);
  return folder;
}
