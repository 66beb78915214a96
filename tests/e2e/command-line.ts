// Runs the real bin, as a user's shell does, and looks at what comes out.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "vitest";

const bin = fileURLToPath(new URL("../../apps/dinov2/bin/dinov2.mjs", import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * `dinov2 …words` in `folder`. Never interactive; VITEST is taken out so that progress is shown as to a user.
 * @param onStart is given a function that sends the process a signal
 */
export function dinov2(
  words: readonly string[],
  folder: string,
  onStart?: (kill: (signal: NodeJS.Signals) => void) => unknown,
): Promise<Outcome> {
  const env = { ...process.env };
  delete env.VITEST;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [bin, ...words], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    onStart?.((signal) => void child.kill(signal));
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

/** The result that a command with `--json` printed; fails when it did not succeed. */
export async function dinov2Json<T>(words: readonly string[], folder: string): Promise<T> {
  const { code, stdout, stderr } = await dinov2([...words, "--json"], folder);
  expect({ code, stderr: code === 0 ? "" : stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout) as T;
}

/** Asserts a user's mistake: exit code 2, nothing on stdout, exactly one line on stderr, and no `output` written. */
export async function expectRefusal(words: readonly string[], folder: string, line: RegExp, output?: string): Promise<void> {
  const { code, stdout, stderr } = await dinov2(words, folder);
  expect(stderr).toMatch(line);
  expect({ code, stdout, lines: stderr.trimEnd().split("\n").length }).toEqual({ code: 2, stdout: "", lines: 1 });
  if (output !== undefined) expect(existsSync(output), `${output} was written`).toBe(false);
}
