import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { availableBackends } from "@dinov2/tensor";
import { describe, expect, it } from "vitest";

interface Memory {
  readonly residentBytes: number;
  readonly numTensors: number;
  readonly numBytes: number;
}

const { reason } = (await availableBackends()).find(({ name }) => name === "libtorch")!;
if (reason !== undefined) console.log(`skipped: memory of a thousand steps on libtorch, as ${reason}`);

describe.skipIf(reason !== undefined)("a thousand steps on libtorch", () => {
  it("take no more memory than two hundred", () => {
    const node = ["--expose-gc", "--max-semi-space-size=1", "--conditions=@dinov2/source", "--import", "tsx"];
    const script = fileURLToPath(new URL("flat-memory-run.ts", import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, [...node, script], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const { early, late } = JSON.parse(stdout) as Record<"early" | "late", Memory>;
    expect(late).toMatchObject({ numTensors: early.numTensors, numBytes: early.numBytes });
    expect(late.residentBytes / early.residentBytes).toBeLessThan(1.02);
  }, 900_000);
});
