import { spawnSync } from "node:child_process";
import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { lockRun } from "./run-lock.ts";
import { interceptFileOperations, noSpace } from "./testing-files.ts";
import { temporaryFolder } from "./testing-folder.ts";

let run: string;
let path: string;
beforeEach(async () => {
  run = await temporaryFolder();
  path = join(run, "run.lock");
});

const holder = (changes: object) => JSON.stringify({ pid: process.pid, host: hostname(), started: "", ...changes });

describe("a run folder's lock", () => {
  it("is held by one at a time, and free again after", async () => {
    const lock = await lockRun(run);
    await expect(lockRun(run)).rejects.toThrow(`${run} is in use by process ${process.pid}; wait until it has ended, or stop it.`);
    await lock.release();
    expect(await readdir(run)).toEqual([]);
    await (await lockRun(run)).release();
  });

  it("goes to one of many that start at once", async () => {
    const locks = await Promise.allSettled(Array.from({ length: 8 }, () => lockRun(run)));
    expect(locks.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
  });

  it("is taken over from a process that has ended, whose number may have another one now", async () => {
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const ended = [holder({ pid }), holder({ started: "12" })]; // this very process did not start at 12
    for (const content of process.platform === "linux" ? ended : ended.slice(0, 1)) {
      await writeFile(path, content);
      const lock = await lockRun(run);
      expect(JSON.parse(await readFile(path, "utf8"))).toMatchObject({ pid: process.pid });
      await lock.release();
    }
    expect(await readdir(run)).toEqual([]);
  });

  it("of another machine is not taken over: nobody here knows whether its process runs", async () => {
    await writeFile(path, holder({ host: "elsewhere" }));
    await expect(lockRun(run)).rejects.toThrow(`on elsewhere; wait until it has ended, or remove ${path} if it has.`);
    expect(await readFile(path, "utf8")).toContain("elsewhere");
  });

  it("that is unreadable is being written, or old and worth nothing", async () => {
    await writeFile(path, "");
    await expect(lockRun(run)).rejects.toThrow("another process is just starting in it");
    await utimes(path, 1, 1);
    await (await lockRun(run)).release();
  });

  it("that cannot be written is named, and not left behind", async () => {
    const disk = interceptFileOperations(({ name, path: at }) => {
      if (name === "writeFile" && at === path) throw noSpace();
    });
    await expect(lockRun(run)).rejects.toThrow(`Cannot write ${path}: ENOSPC`);
    disk.restore();
    expect(await readdir(run)).toEqual([]);
  });

  it("clears away what killed processes left", async () => {
    const partial = ".step-0000004.8d7bb6a8-9d5c-4c0e-8c2e-1f4f6a6e7a10.partial";
    await mkdir(join(run, "checkpoints", partial), { recursive: true });
    await writeFile(join(run, partial), "");
    const lock = await lockRun(run);
    expect(await readdir(run, { recursive: true })).toEqual(["checkpoints", "run.lock"]);
    await lock.release();
  });
});
