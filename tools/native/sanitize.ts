// `npm run test:sanitize [-- FILES]`: the LibTorch backend's own tests on a build with the sanitizers, which end the process at
// the first read or write beyond what is there, use after the end, or undefined arithmetic. Without FILES, all of its tests.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "@dinov2/foundation";
import { buildName } from "./compile-addon.ts";
import { findLibTorch } from "./find-libtorch.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env): number {
  return spawnSync(command, args, { cwd: root, stdio: "inherit", env }).status ?? 1;
}

/** The compiler's library that goes with what it compiles; it has to be loaded before anything else. */
function runtime(name: string): string {
  const { stdout } = spawnSync(process.env["CXX"] ?? "g++", [`-print-file-name=${name}`], { encoding: "utf8" });
  const file = stdout?.trim() ?? "";
  if (!file.startsWith("/")) throw new InputError(`The compiler has no ${name}; g++ brings it (apt-get install g++).`);
  return file;
}

/** Runs the tests, and gives what the sanitizers had to say. */
function test(files: readonly string[]): { status: number; reports: string[] } {
  const folder = mkdtempSync(join(tmpdir(), "dinov2-sanitize-"));
  const log = `log_path=${join(folder, "report")}`;
  const env = {
    ...process.env,
    LD_PRELOAD: runtime("libasan.so"),
    DINOV2_LIBTORCH_BUILD: buildName(findLibTorch(), true),
    DINOV2_TEST_ROUNDS: process.env["DINOV2_TEST_ROUNDS"] ?? "3",
    // Node's own memory is not ours to give back. A test asks for more memory than there is, and wants an answer.
    ASAN_OPTIONS: `detect_leaks=0:allocator_may_return_null=1:${log}`,
    UBSAN_OPTIONS: `print_stacktrace=1:${log}`,
  };
  try {
    const status = run(process.execPath, [join(root, "node_modules/vitest/vitest.mjs"), "run", "--testTimeout=600000", ...files], env);
    const texts = readdirSync(folder).map((name) => readFileSync(join(folder, name), "utf8"));
    return { status, reports: texts.filter((text) => /ERROR|runtime error/.test(text)) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

try {
  const files = process.argv.slice(2);
  const built = run(process.execPath, [...process.execArgv, join(root, "tools/native/libtorch.ts"), "--sanitize"]);
  if (built !== 0) throw new Error("The sanitized build failed.");
  const { status, reports } = test(files.length > 0 ? files : ["packages/backend-libtorch"]);
  for (const report of reports) console.error(report);
  console.log(reports.length === 0 ? "The sanitizers found nothing." : `The sanitizers reported ${reports.length} times.`);
  process.exitCode = status === 0 && reports.length === 0 ? 0 : 1;
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof InputError ? 2 : 1;
}
