// The files of a published npm package, for tools that read what it holds: nothing is installed, and no script of it runs.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";

/**
 * Unpacks `name@version` into a new folder inside `folder`, and answers where its files lie.
 * @throws InputError where the registry is out of reach
 */
export function unpackNpmPackage(spec: string, folder: string, advice = "its registry has to be in reach"): string {
  const into = mkdtempSync(join(folder, "npm-"));
  const options = ["--prefer-offline", "--ignore-scripts", "--fetch-retries=0", "--loglevel=error"];
  const { stderr } = spawnSync("npm", ["pack", spec, ...options], { cwd: into, encoding: "utf8" });
  const archive = readdirSync(into).find((name) => name.endsWith(".tgz"));
  if (archive && spawnSync("tar", ["-xzf", archive], { cwd: into }).status === 0) return join(into, "package");
  const reason = stderr?.match(/code (\w+)/)?.[1] ?? "no npm or tar";
  throw new InputError(`npm could not fetch ${spec} (${reason}); ${advice}.`);
}

/** The same for as long as `use` takes. */
export async function withNpmPackage<T>(spec: string, use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "dinov2-package-"));
  try {
    return await use(unpackNpmPackage(spec, folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
