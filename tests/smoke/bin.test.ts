// What `npm ci` leaves in a clone: a `dinov2` that starts, answers at once and ends when told to.

import { spawn, spawnSync } from "node:child_process";
import { readFileSync, realpathSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("../..", import.meta.url));
const linked = `${root}/node_modules/.bin/dinov2`;

interface ScriptList {
  readonly result: readonly { readonly url: string }[];
}

describe("the dinov2 bin", () => {
  it("is linked for npx", () => {
    expect(realpathSync(linked)).toBe(realpathSync(`${root}/apps/dinov2/bin/dinov2.mjs`));
  });

  it("answers --help from any folder without loading what it does not need", async () => {
    // Every process writes the list of the scripts it has run here.
    const coverage = await mkdtemp(join(tmpdir(), "dinov2-help-"));
    const env = { ...process.env, NODE_V8_COVERAGE: coverage };
    const { status, stdout, stderr } = spawnSync(process.execPath, [linked, "--help"], { cwd: "/", encoding: "utf8", env });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain("Usage: dinov2");
    const lists = (await readdir(coverage)).map((name) => JSON.parse(readFileSync(join(coverage, name), "utf8")) as ScriptList);
    const scripts = lists.flatMap(({ result }) => result.map(({ url }) => url));
    expect(scripts.filter((url) => url.endsWith("/apps/dinov2/src/main.ts"))).not.toEqual([]);
    expect(scripts.filter((url) => /@tensorflow|\/sharp\/|\/packages\/(tensor|data|training)\//.test(url))).toEqual([]);
    await rm(coverage, { recursive: true });
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
