// `npm run build:native`: the addon of packages/backend-libtorch for the LibTorch of this machine, one build a LibTorch, beside
// one another. What a build says of itself is read by packages/backend-libtorch/src/find-build.ts.
import { spawnSync } from "node:child_process";
import { mkdirSync, realpathSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import type { BuildInfo } from "../../packages/backend-libtorch/src/find-build.ts";
import { instructionSets } from "../../packages/backend-libtorch/src/processor.ts";
import { buildName, compileAddon, type CompileOptions } from "./compile-addon.ts";
import { findLibTorch, type LibTorch } from "./find-libtorch.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const builds = join(root, "packages/backend-libtorch/build");

const help = `Usage: npm run build:native [-- OPTIONS]

Compiles the LibTorch backend against the LibTorch of this machine: the folder LIBTORCH, else the
torch of python3, else libtorch-dev. A file that has not changed is not compiled again.

  --jobs N     compilers at once (default: the processor's cores)
  --tidy       keep the addon alone, not what makes the next build fast (300 MB a LibTorch);
               what happens anyway where CI=true
  --sanitize   compile with the address and the undefined-behaviour sanitizer, into a build of its
               own (npm run test:sanitize)
  --help       this text`;

interface Options extends CompileOptions {
  readonly tidy: boolean;
  readonly help: boolean;
}

function parseOptions(): Options {
  try {
    const flag = { type: "boolean", default: false } as const;
    const { values } = parseArgs({ options: { jobs: { type: "string" }, tidy: flag, sanitize: flag, help: flag } });
    const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
    if (!(Number.isInteger(jobs) && jobs >= 1)) throw new InputError(`--jobs ${values.jobs} is not a positive whole number.`);
    return { ...values, jobs, tidy: values.tidy || process.env["CI"] === "true" };
  } catch (error) {
    throw error instanceof InputError ? error : new InputError((error as Error).message);
  }
}

function infoOf({ folder, lib, version }: LibTorch, sanitize: boolean): BuildInfo {
  const file = realpathSync(join(lib, "libtorch_cpu.so"));
  const library = { file, bytes: statSync(file).size };
  return { libtorch: folder, version, library, instructionSets: instructionSets(), sanitize, builtAt: Date.now() };
}

/** Loads the addon in a process of its own, which a wrong build could take down. */
function check(addon: string): void {
  const { status, stderr } = spawnSync(process.execPath, ["-e", "require(process.argv[1])", addon], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The addon was built and does not load: ${stderr.split("\n").find((line) => line.includes("Error")) ?? stderr}`);
}

async function build(libtorch: LibTorch, { sanitize, tidy, ...options }: Options): Promise<string> {
  const folder = join(builds, buildName(libtorch, sanitize));
  const [objects, addon] = [join(folder, "objects"), join(folder, "libtorch.node")];
  mkdirSync(objects, { recursive: true });
  await compileAddon(libtorch, { ...options, sanitize }, objects, addon);
  if (!sanitize) check(addon);
  await writeFileAtomic(join(folder, "build.json"), JSON.stringify(infoOf(libtorch, sanitize), null, 2));
  if (tidy) rmSync(objects, { recursive: true });
  return addon;
}

try {
  const options = parseOptions();
  if (options.help) {
    console.log(help);
  } else {
    const libtorch = findLibTorch();
    console.log(`LibTorch ${libtorch.version}${libtorch.cuda ? " with CUDA" : ""} from ${libtorch.source}: ${libtorch.folder}`);
    const start = performance.now();
    const addon = await build(libtorch, options);
    console.log(`built in ${((performance.now() - start) / 1000).toFixed(0)} s: ${relative(root, addon)}`);
  }
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof InputError ? 2 : 1;
}
