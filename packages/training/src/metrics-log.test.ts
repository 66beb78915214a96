import { appendFile, mkdtemp, readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { MetricsLog, readMetrics } from "./metrics-log.ts";

describe("MetricsLog", () => {
  let path: string;
  beforeEach(async () => {
    path = join(await mkdtemp(join(tmpdir(), "metrics-")), "metrics.jsonl");
  });

  it("writes one JSON object a line", async () => {
    const log = await MetricsLog.open(path, 0);
    await log.write({ step: 1, total_loss: 3.5 });
    await log.write({ step: 2, total_loss: 3 });
    expect(await readFile(path, "utf8")).toBe('{"step":1,"total_loss":3.5}\n{"step":2,"total_loss":3}\n');
  });

  it("drops the steps after the one it goes on from, and a line that a crash cut off", async () => {
    const log = await MetricsLog.open(path, 0);
    for (const step of [1, 2, 3]) await log.write({ step, total_loss: step });
    await appendFile(path, '{"step":4,"tot');
    await (await MetricsLog.open(path, 2)).write({ step: 3, total_loss: 33 });
    expect((await readMetrics(path)).map(({ step, total_loss }) => [step, total_loss])).toEqual([
      [1, 1],
      [2, 2],
      [3, 33],
    ]);
  });

  it("has no lines before it is written", async () => {
    expect(await readMetrics(path)).toEqual([]);
  });
});
