import { constants } from "node:fs";
import { access, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { InputError } from "@dinov2/foundation";

/**
 * Refuses an output path that could not be written, before the work starts and without writing anything:
 * a folder where a file is wanted (or the reverse), or a place without write permission.
 * @throws InputError that names `option`
 */
export async function requireWritable(option: string, path: string, kind: "file" | "folder"): Promise<void> {
  const target = resolve(path);
  const there = await entryAt(target);
  if (there !== undefined && there !== kind) {
    throw new InputError(`${option} ${path} is a ${there}, a ${kind} was expected; give another path.`);
  }
  // The nearest part of the path that is there must be a folder one may write into.
  let place = there === "folder" ? target : dirname(target);
  while ((await entryAt(place)) === undefined) place = dirname(place);
  if ((await entryAt(place)) === "file") {
    throw new InputError(`${option} ${path} cannot be written: ${place} is a file, not a folder; give another path.`);
  }
  await access(place, constants.W_OK | constants.X_OK).catch(() => {
    throw new InputError(`${option} ${path} cannot be written: no permission to write in ${place}; give another path.`);
  });
}

async function entryAt(path: string): Promise<"file" | "folder" | undefined> {
  const entry = await stat(path).catch(() => undefined);
  return entry && (entry.isDirectory() ? "folder" : "file");
}
