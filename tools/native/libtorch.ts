// `npm run build:native [-- --jobs N] [--sanitize]`: compiles packages/backend-libtorch/native against the LibTorch of this
// machine, one build a LibTorch, beside one another. A file that has not changed is not compiled again.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { findLibTorch, type LibTorch } from "./find-libtorch.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const packageFolder = join(root, "packages/backend-libtorch");
const sources = join(packageFolder, "native");
const builds = join(packageFolder, "build");

interface Options {
  readonly jobs: number;
  /** Compiles with AddressSanitizer, into a build of its own. */
  readonly sanitize: boolean;
}

function parseOptions(): Options {
  try {
    const { values } = parseArgs({ options: { jobs: { type: "string" }, sanitize: { type: "boolean" } } });
    const jobs = values.jobs === undefined ? availableParallelism() : Number(values.jobs);
    if (!(Number.isInteger(jobs) && jobs >= 1)) throw new InputError(`--jobs ${values.jobs} is not a positive whole number.`);
    return { jobs, sanitize: values.sanitize ?? false };
  } catch (error) {
    throw error instanceof InputError ? error : new InputError((error as Error).message);
  }
}

/** Whether LibTorch's libraries use the strings of C++11 (older wheels of PyTorch do not). */
function cxx11Strings({ lib }: LibTorch): boolean {
  return readFileSync(join(lib, "libc10.so")).includes("__cxx11");
}

function compilerFlags(libtorch: LibTorch, { sanitize }: Options): string[] {
  const headers = [...libtorch.include, join(root, "node_modules/node-addon-api"), join(root, "node_modules/node-api-headers/include")];
  // /usr/include is searched anyway, and naming it would hide the compiler's own headers.
  const include = headers.filter((folder) => folder !== "/usr/include").flatMap((folder) => ["-isystem", folder]);
  return [
    "-std=c++17", "-O3", "-march=native", "-fPIC", "-fopenmp", "-fvisibility=hidden", "-Wall", "-Wextra", "-fno-math-errno", "-fno-trapping-math",
    "-DNAPI_CPP_EXCEPTIONS", "-DNAPI_VERSION=8", "-DNODE_GYP_MODULE_NAME=libtorch",
    `-D_GLIBCXX_USE_CXX11_ABI=${cxx11Strings(libtorch) ? 1 : 0}`,
    ...(sanitize ? ["-fsanitize=address", "-fno-omit-frame-pointer", "-g"] : []),
    ...include,
  ];
}

const modified = (file: string) => (existsSync(file) ? statSync(file).mtimeMs : 0);

/** What an object file was compiled from, as the compiler noted. */
function dependencies(noteFile: string): string[] {
  if (!existsSync(noteFile)) return [];
  const text = readFileSync(noteFile, "utf8").replaceAll("\\\n", " ");
  return text.slice(text.indexOf(":") + 1).split(/\s+/).filter((file) => file.startsWith(sources));
}

function isFresh(object: string, source: string): boolean {
  const noted = dependencies(object.replace(/\.o$/, ".d"));
  return noted.length > 0 && [source, ...noted].every((file) => modified(file) > 0 && modified(file) < modified(object));
}

/** Runs g++; its messages go to the terminal as they are. */
async function compile(args: readonly string[]): Promise<void> {
  const child = spawn(process.env["CXX"] ?? "g++", args, { stdio: ["ignore", "inherit", "inherit"] });
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", () => failed(new InputError("No C++ compiler is here: `apt-get install g++` gets one, or name one in CXX.")));
    child.once("close", done);
  });
  if (code !== 0) throw new Error(`The compiler failed on ${relative(root, args.at(-1) ?? "")}.`);
}

async function inParallel(jobs: number, tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const rest = [...tasks];
  const worker = async () => {
    for (let task = rest.shift(); task !== undefined; task = rest.shift()) await task();
  };
  await Promise.all(Array.from({ length: jobs }, worker));
}

async function build(libtorch: LibTorch, options: Options): Promise<string> {
  const name = `torch-${libtorch.version}${libtorch.cuda ? "-cuda" : ""}${options.sanitize ? "-sanitize" : ""}`;
  const folder = join(builds, name);
  const objects = join(folder, "objects");
  mkdirSync(objects, { recursive: true });
  const flags = compilerFlags(libtorch, options);
  const flagsFile = join(objects, "flags");
  if (!existsSync(flagsFile) || readFileSync(flagsFile, "utf8") !== flags.join("\n")) {
    rmSync(objects, { recursive: true });
    mkdirSync(objects);
    await writeFileAtomic(flagsFile, flags.join("\n"));
  }
  const header = join(objects, "precompiled.h");
  const precompiled = `${header}.gch`;
  if (modified(precompiled) < modified(join(sources, "libtorch.h"))) {
    console.log("compiling LibTorch's headers");
    await writeFileAtomic(header, '#include "libtorch.h"\n');
    await compile([...flags, "-I", sources, "-x", "c++-header", "-o", precompiled, header]);
  }
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".cc"));
  const objectOf = (file: string) => join(objects, `${file.replaceAll("/", "-").replace(/\.cc$/, "")}.o`);
  const stale = files.filter((file) => !isFresh(objectOf(file), join(sources, file)));
  await inParallel(options.jobs, stale.map((file) => async () => {
    console.log(`compiling ${file}`);
    const own = ["-I", sources, "-include", header, "-MMD", "-c", "-o", objectOf(file)];
    await compile([...flags, ...own, join(sources, file)]);
  }));
  const addon = join(folder, "libtorch.node");
  const libraries = ["-ltorch_cpu", "-lc10", ...(libtorch.cuda ? ["-Wl,--no-as-needed", "-ltorch_cuda", "-lc10_cuda", "-Wl,--as-needed"] : [])];
  await compile([
    "-shared", "-fopenmp", ...(options.sanitize ? ["-fsanitize=address"] : []), `-L${libtorch.lib}`, `-Wl,-rpath,${libtorch.lib}`,
    ...files.map(objectOf), "-Wl,--no-undefined", "-Wl,--unresolved-symbols=ignore-in-object-files", ...libraries, "-o", addon,
  ]);
  await writeFileAtomic(join(folder, "build.json"), JSON.stringify({ libtorch: libtorch.folder, version: libtorch.version }));
  await noteBuild(name, libtorch.folder, options);
  return addon;
}

/** The index that `src/addon.ts` of the package reads. A sanitized build is not one for every day. */
async function noteBuild(name: string, folder: string, { sanitize }: Options): Promise<void> {
  if (sanitize) return;
  const file = join(builds, "builds.json");
  const index = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as { builds: Record<string, string> }) : { builds: {} };
  await writeFileAtomic(file, JSON.stringify({ latest: name, builds: { ...index.builds, [folder]: name } }, null, 2));
}

/** Loads the addon in a process of its own, which a wrong build could take down. */
function check(addon: string): void {
  const { status, stderr } = spawnSync(process.execPath, ["-e", "require(process.argv[1])", addon], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The addon was built and does not load: ${stderr.split("\n").find((line) => line.includes("Error")) ?? stderr}`);
}

try {
  const options = parseOptions();
  const libtorch = findLibTorch();
  console.log(`LibTorch ${libtorch.version}${libtorch.cuda ? " with CUDA" : ""} from ${libtorch.source}: ${libtorch.folder}`);
  const start = performance.now();
  const addon = await build(libtorch, options);
  if (!options.sanitize) check(addon);
  console.log(`built ${basename(addon)} in ${((performance.now() - start) / 1000).toFixed(0)} s: ${relative(root, addon)}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof InputError ? 2 : 1;
}
