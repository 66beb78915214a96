// The files of a set that is in many: one name, a range "{000..123}" or a glob.

import { stat } from "node:fs/promises";
import { InputError } from "@dinov2/foundation";
import { glob } from "tinyglobby";

/** The files a pattern names, sorted. A number missing from a range is an error: it would go unnoticed otherwise. */
export async function namedFiles(pattern: string): Promise<string[]> {
  const named = expandRanges(pattern);
  const files: string[] = [];
  const missing: string[] = [];
  for (const each of named) {
    const isFile = (await stat(each).catch(() => undefined))?.isFile() ?? false;
    const matches = isFile ? [each] : await glob([each], { onlyFiles: true, expandDirectories: false });
    if (matches.length === 0) missing.push(each);
    files.push(...matches);
  }
  if (files.length === 0) throw new InputError(`${pattern} names no file (looked from ${process.cwd()}).`);
  if (missing.length > 0) {
    throw new InputError(`${pattern}: ${missing.length} of ${named.length} files are missing, for example ${missing[0]!}.`);
  }
  return [...new Set(files)].sort();
}

const mostFiles = 1_000_000;

/** "a-{08..10}.tar" as "a-08.tar", "a-09.tar", "a-10.tar": as a shell does it, zeros in front included. */
export function expandRanges(pattern: string): string[] {
  const range = /\{(\d+)\.\.(\d+)\}/.exec(pattern);
  if (range === null) return [pattern];
  const [whole, first = "", last = ""] = range;
  const count = Number(last) - Number(first) + 1;
  if (count < 1 || count > mostFiles) throw new InputError(`${pattern}: expected a range from a smaller number to a larger one.`);
  const width = first.startsWith("0") || last.startsWith("0") ? Math.max(first.length, last.length) : 0;
  return Array.from({ length: count }, (_, i) => String(Number(first) + i).padStart(width, "0")).flatMap((number) =>
    expandRanges(pattern.replace(whole, number)),
  );
}
