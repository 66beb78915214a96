import { constants } from "node:os";
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { temporaryFolder } from "../testing.ts";
import { readPart } from "./file-part.ts";
import { isTransient, readPersistently } from "./persistent-read.ts";

const systemError = (code: string, errno = 0) => Object.assign(new Error(`${code}: read`), { code, errno });

/** A reader that fails `failures` times with `error`, and how often it was asked. */
function reader(failures: number, error: Error) {
  const asked = { times: 0 };
  const read = () => (++asked.times <= failures ? Promise.reject(error) : Promise.resolve("bytes"));
  return { asked, read };
}

it("asks again, three times at most, for what may pass", async () => {
  const busy = reader(3, systemError("EIO"));
  expect(await readPersistently(busy.read)).toBe("bytes");
  expect(busy.asked.times).toBe(4);
  const broken = reader(9, systemError("EIO"));
  await expect(readPersistently(broken.read)).rejects.toThrow("EIO: read");
  expect(broken.asked.times).toBe(4);
});

it("asks once for what is not there, or not what it should be", async () => {
  for (const error of [systemError("ENOENT"), systemError("EACCES"), new Error("it is damaged")]) {
    const { asked, read } = reader(1, error);
    await expect(readPersistently(read)).rejects.toThrow(error);
    expect(asked.times).toBe(1);
  }
});

it.runIf(process.platform === "linux")("knows a stale handle by its number, as Node has no name for it", () => {
  expect(isTransient(systemError("Unknown system error -116", -constants.errno.ESTALE))).toBe(true);
  expect(isTransient(systemError("Unknown system error -117", -117))).toBe(false);
});

it("opens a file that stays open anew after an error", async () => {
  const folder = await temporaryFolder({ "shard.tar": "short" });
  const part = { file: join(folder, "shard.tar"), offset: 0, size: 8 };
  await expect(readPart(part)).rejects.toThrow("ends at byte 5");
  await writeFile(join(folder, "whole"), "12345678");
  await rename(join(folder, "whole"), part.file);
  expect(String(await readPart(part))).toBe("12345678");
});
