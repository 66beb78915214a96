import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createFolderAtomic, isPartial, removeFolderAtomic, removePartials, WriteError, writeFileAtomic } from "./files.ts";

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "foundation-"))));
afterEach(() => rm(folder, { recursive: true }));

describe("writeFileAtomic", () => {
  it("replaces the content and leaves nothing else", async () => {
    const path = join(folder, "latest");
    await writeFile(path, "old");
    await writeFileAtomic(path, "new");
    expect(await readFile(path, "utf8")).toBe("new");
    expect(await readdir(folder)).toEqual(["latest"]);
  });

  it("keeps the old content when the new one breaks off half-way", async () => {
    const path = join(folder, "latest");
    await writeFile(path, "old");
    async function* breaking() {
      yield new TextEncoder().encode("half");
      throw new Error("disk full");
    }
    await expect(writeFileAtomic(path, breaking())).rejects.toThrow("disk full");
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(["latest"]);
  });
});

describe("a refusal of the system", () => {
  it("is told with the file that could not be written", async () => {
    const path = join(folder, "missing", "latest");
    const error: unknown = await writeFileAtomic(path, "new").catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(WriteError);
    expect(error).toMatchObject({ path, code: "ENOENT" });
    expect((error as Error).message).toMatch(`Cannot write ${path}: ENOENT`);
  });

  it("is told with the folder's final name when a file inside could not be written", async () => {
    const path = join(folder, "step-1");
    const filling = createFolderAtomic(path, (partial) => writeFileAtomic(join(partial, "missing", "a"), "1"));
    await expect(filling).rejects.toThrow(`Cannot write ${path}: ENOENT`);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("createFolderAtomic", () => {
  it("shows the folder only when it is complete", async () => {
    const path = join(folder, "step-1");
    await createFolderAtomic(path, async (partial) => {
      await writeFile(join(partial, "a"), "1");
      expect(await readdir(folder)).not.toContain("step-1");
    });
    expect(await readdir(path)).toEqual(["a"]);
  });

  it("leaves nothing behind when filling it fails", async () => {
    const filling = createFolderAtomic(join(folder, "step-1"), async (partial) => {
      await writeFile(join(partial, "a"), "1");
      throw new Error("disk full");
    });
    await expect(filling).rejects.toThrow("disk full");
    expect(await readdir(folder)).toEqual([]);
  });

  it("takes the place of a folder of that name, once it is complete", async () => {
    const path = join(folder, "step-1");
    await createFolderAtomic(path, (partial) => writeFile(join(partial, "old"), "1"));
    await createFolderAtomic(path, async (partial) => {
      expect(await readdir(path)).toEqual(["old"]);
      await writeFile(join(partial, "new"), "1");
    });
    expect(await readdir(path)).toEqual(["new"]);
    expect(await readdir(folder)).toEqual(["step-1"]);
  });

  it("makes the folders above it", async () => {
    const path = join(folder, "run", "checkpoints", "step-1");
    await createFolderAtomic(path, (partial) => writeFile(join(partial, "a"), "1"));
    expect(await readdir(path)).toEqual(["a"]);
  });
});

describe("removeFolderAtomic", () => {
  it("removes a folder, and does not mind when there is none", async () => {
    await createFolderAtomic(join(folder, "step-1"), (partial) => writeFile(join(partial, "a"), "1"));
    await removeFolderAtomic(join(folder, "step-1"));
    await removeFolderAtomic(join(folder, "step-1"));
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("removePartials", () => {
  it("removes what a killed process left, and nothing else", async () => {
    const left: string[] = [];
    await createFolderAtomic(join(folder, "step-1"), async (partial) => {
      await writeFileAtomic(join(partial, "a"), "1");
      left.push(...(await readdir(folder)));
    });
    expect(left.every(isPartial)).toBe(true);
    const others = [".notes.partial", "a.partial", "step-1"];
    for (const name of others.slice(0, 2)) await writeFile(join(folder, name), "mine");
    await mkdir(join(folder, left[0]!));
    await writeFile(join(folder, left[0]!, "a"), "1");
    await removePartials(folder);
    expect((await readdir(folder)).sort()).toEqual(others);
  });
});
