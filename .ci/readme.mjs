#!/usr/bin/env node
// Runs every command of the README's `sh` blocks, in order, as a reader would type them; a command that
// fails fails the gate. Installing, building and testing are steps of the gate itself.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const alreadyRun = new Set(["npm ci", "npm test", "npm run build:native"]);
const blocks = readFileSync("README.md", "utf8").matchAll(/^```sh\n([\s\S]*?)^```/gm);
const commands = [...blocks]
  .flatMap(([, block]) => block.replaceAll("\\\n", " ").split("\n"))
  .map((line) => line.replace(/\s+#.*$/, "").trim())
  .flatMap((line) => line.split(/\s*&&\s*/))
  .filter((line) => line !== "" && !line.startsWith("#") && !alreadyRun.has(line));

for (const command of commands) {
  const start = performance.now();
  console.log(`\n$ ${command}`);
  const { status } = spawnSync("bash", ["-euo", "pipefail", "-c", command], { stdio: "inherit" });
  console.log(`(${((performance.now() - start) / 1000).toFixed(0)} s)`);
  if (status !== 0) {
    console.error(`The README's command failed with exit code ${status}: ${command}`);
    process.exit(1);
  }
}
