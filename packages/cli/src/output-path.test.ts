import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { requireWritable } from "./output-path.ts";

describe("requireWritable", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "dinov2-cli-"));
    await writeFile(join(folder, "file.txt"), "x");
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("accepts a path whose folders are not there yet, and makes none of them", async () => {
    await expect(requireWritable("--out", join(folder, "a/b/c.safetensors"), "file")).resolves.toBeUndefined();
    expect(existsSync(join(folder, "a"))).toBe(false);
  });

  it.each([
    ["", "file", "is a folder, a file was expected"],
    ["file.txt", "folder", "is a file, a folder was expected"],
    ["file.txt/out", "folder", "is a file, not a folder"],
  ] as const)("refuses %j as a %s", async (name, kind, reason) => {
    const attempt = requireWritable("--out", join(folder, name), kind);
    await expect(attempt).rejects.toThrow(InputError);
    await expect(requireWritable("--out", join(folder, name), kind)).rejects.toThrow(reason);
  });
});
