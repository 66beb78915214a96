import { appendFile, readFile, writeFile } from "node:fs/promises";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { MetricsLog, readMetrics } from "./metrics-log.ts";
import { interceptFileOperations, noSpace } from "./testing-files.ts";
import { temporaryFolder } from "./testing-folder.ts";

describe("MetricsLog", () => {
  let path: string;
  let warnings: string[];
  const open = async (step: number) => {
    const log = await MetricsLog.open(path, step, (message) => void warnings.push(message));
    onTestFinished(() => log.close());
    return log;
  };
  beforeEach(async () => {
    warnings = [];
    path = join(await temporaryFolder(), "metrics.jsonl");
  });

  it("writes one JSON object a line", async () => {
    const log = await open(0);
    await log.write({ step: 1, total_loss: 3.5 });
    await log.write({ step: 2, total_loss: 3 });
    expect(await readFile(path, "utf8")).toBe('{"step":1,"total_loss":3.5}\n{"step":2,"total_loss":3}\n');
  });

  it("drops the steps after the one it goes on from, and a line that a crash cut off", async () => {
    const log = await open(0);
    for (const step of [1, 2, 3]) await log.write({ step, total_loss: step });
    await appendFile(path, '{"step":4,"tot');
    await (await open(2)).write({ step: 3, total_loss: 33 });
    expect((await readMetrics(path)).map(({ step, total_loss }) => [step, total_loss])).toEqual([
      [1, 1],
      [2, 2],
      [3, 33],
    ]);
  });

  it("keeps every bit of a number", async () => {
    const numbers = [0.1 + 0.2, Math.fround(1 / 3), 5e-324, 1.7976931348623157e308, -1 / 3, 2 ** 53 - 1];
    const record = { step: 1, ...Object.fromEntries(numbers.map((number, i) => [`n${i}`, number])) };
    await (await open(0)).write(record);
    expect(await readMetrics(path)).toEqual([record]);
  });

  it("leaves what it keeps as it is, a damaged line included, which is not read", async () => {
    const kept = '{"step":1, "total_loss":3.50}\n\0\0\0\n{"step":2,"total_loss":3}\n';
    await writeFile(path, `${kept}{"step":3,"total_loss":2}\n`);
    await open(2);
    expect(await readFile(path, "utf8")).toBe(kept);
    expect((await readMetrics(path)).map(({ step }) => step)).toEqual([1, 2]);
  });

  it("keeps whole lines on a disk that refuses, says so once, and writes them all when there is room again", async () => {
    let isFull = false;
    const disk = interceptFileOperations(({ name }) => {
      if (name !== "appendFile" || !isFull) return;
      appendFileSync(path, '{"st'); // what still fitted
      throw noSpace();
    });
    const log = await open(0);
    await log.write({ step: 1 });
    isFull = true;
    for (const step of [2, 3]) await log.write({ step });
    await log.sync();
    expect(await readFile(path, "utf8")).toBe('{"step":1}\n');
    isFull = false;
    await log.write({ step: 4 });
    expect((await readMetrics(path)).map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    expect(warnings).toEqual([expect.stringMatching(/metrics\.jsonl cannot be written: ENOSPC.*wait in memory/)]);
    isFull = true;
    await log.write({ step: 5 });
    await log.close();
    expect(warnings).toHaveLength(3);
    expect(warnings[2]).toMatch(/metrics\.jsonl lacks its last 1 lines/);
    disk.restore();
  });

  it("has no lines before it is written", async () => {
    expect(await readMetrics(path)).toEqual([]);
  });
});
