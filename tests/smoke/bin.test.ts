// What `npm ci` leaves in a clone: a `dinov2` that starts, answers at once and ends when told to.

import { spawn, spawnSync } from "node:child_process";
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const linked = `${root}/node_modules/.bin/dinov2`;

describe("the dinov2 bin", () => {
  it("is linked for npx", () => {
    expect(realpathSync(linked)).toBe(realpathSync(`${root}/apps/dinov2/bin/dinov2.mjs`));
  });

  it("answers --help from any folder without loading what it does not need", () => {
    const started = performance.now();
    const { status, stdout, stderr } = spawnSync(process.execPath, [linked, "--help"], { cwd: "/", encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("Usage: dinov2");
    // 0.25 s on a quiet 2-core machine; loading the tensor library alone would take longer than that.
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it("hands the exit code through", () => {
    const { status } = spawnSync(process.execPath, [linked, "no-such-command"], { encoding: "utf8" });
    expect(status).toBe(2);
  });

  it("is not upset by a reader that closes early", () => {
    const { status, stderr } = spawnSync("bash", ["-c", `set -o pipefail; "${process.execPath}" "${linked}" --help | head -1`], {
      encoding: "utf8",
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  it("passes a signal on to the process that works, and ends with it", async () => {
    const child = spawn(process.execPath, [linked, "doctor", "--backend", "cpu"], { stdio: "ignore" });
    await new Promise((resolve) => setTimeout(resolve, 400));
    child.kill("SIGTERM");
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
      child.on("exit", (...ending) => resolve(ending)),
    );
    expect({ code, signal }).toEqual({ code: null, signal: "SIGTERM" });
  });
});
