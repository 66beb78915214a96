#!/usr/bin/env node
// The bin: in a clone it runs the TypeScript sources through tsx, in a published package the build.
// Plain JavaScript with no dependency, so that it works right after `npm ci`.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

const source = fileURLToPath(new URL("../src/main.ts", import.meta.url));

if (existsSync(source)) {
  // The conditions that make packages resolve to their sources can only be set when node starts.
  // A second node also hands them on to every worker that the command starts.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
  const flags = ["--conditions=@dinov2/source", "--import", tsx];
  const child = spawn(process.execPath, [...process.execArgv, ...flags, source, ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  // A terminal sends Ctrl-C to both processes; from elsewhere a signal reaches only this one. Either way the
  // child decides what to do with it, and this process waits for the child's answer.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
    process.on(signal, () => {
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on("error", (error) => {
    console.error(`dinov2: cannot start ${process.execPath}: ${error.message}`);
    process.exit(1);
  });
  child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal); // so that the shell sees the signal as well
  });
} else {
  await import("../dist/index.js");
}
