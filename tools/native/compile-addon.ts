// From the sources of packages/backend-libtorch/native to an addon: which flags, what has changed, g++ and the link. No build
// system: LibTorch's headers are most of the cost, and they are compiled once.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import type { LibTorch } from "./find-libtorch.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const sources = join(root, "packages/backend-libtorch/native");

export interface CompileOptions {
  readonly jobs: number;
  /** Compiles with AddressSanitizer and UndefinedBehaviorSanitizer. */
  readonly sanitize: boolean;
}

/** The folder of a build: one for each LibTorch, and one for the sanitized build of each. */
export const buildName = ({ version, cuda }: LibTorch, sanitize: boolean): string =>
  `torch-${version}${cuda ? "-cuda" : ""}${sanitize ? "-sanitize" : ""}`;

/** Reads and writes beyond what is there, uses after the end, and what the language leaves undefined: the first one ends the process. */
const sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize=vptr", "-fno-sanitize-recover=undefined"];

/** Whether LibTorch's libraries use the strings of C++11 (older wheels of PyTorch do not). */
function cxx11Strings({ lib }: LibTorch): boolean {
  return readFileSync(join(lib, "libc10.so")).includes("__cxx11");
}

/** LibTorch's headers are C++20 from 2.14 on; older ones were never compiled as that. */
function standard({ version }: LibTorch): string {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major > 2 || (major === 2 && minor >= 14) ? "-std=c++20" : "-std=c++17";
}

function compilerFlags(libtorch: LibTorch, sanitize: boolean): string[] {
  const headers = [...libtorch.include, join(root, "node_modules/node-addon-api"), join(root, "node_modules/node-api-headers/include")];
  // /usr/include is searched anyway, and naming it would hide the compiler's own headers.
  const include = headers.filter((folder) => folder !== "/usr/include").flatMap((folder) => ["-isystem", folder]);
  return [
    standard(libtorch), "-O3", "-march=native", "-fPIC", "-fopenmp", "-fvisibility=hidden", "-Wall", "-Wextra", "-fno-math-errno", "-fno-trapping-math",
    "-DNAPI_CPP_EXCEPTIONS", "-DNAPI_VERSION=8", "-DNODE_GYP_MODULE_NAME=libtorch",
    `-D_GLIBCXX_USE_CXX11_ABI=${cxx11Strings(libtorch) ? 1 : 0}`,
    ...(sanitize ? [...sanitizers, "-fno-omit-frame-pointer", "-g1", "-O1"] : []),
    ...include,
  ];
}

function linkerFlags(libtorch: LibTorch, sanitize: boolean): string[] {
  // Nothing here calls the CUDA libraries by name: they register themselves when they are loaded.
  const cuda = libtorch.cuda ? ["-Wl,--no-as-needed", "-ltorch_cuda", "-lc10_cuda", "-Wl,--as-needed"] : [];
  return [
    "-shared", "-fopenmp", ...(sanitize ? sanitizers : []),
    // Symbols are looked up when the addon is loaded: another LibTorch is then an error, not the end of the process in mid-call.
    // Node unloads an addon with the last thread that has loaded it, and LibTorch would keep the allocator that is in it.
    "-Wl,-z,now,-z,nodelete", `-L${libtorch.lib}`, `-Wl,-rpath,${libtorch.lib}`, "-ltorch_cpu", "-lc10", ...cuda,
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

/** Empties the folder of objects when they came from other flags. */
async function keepObjectsOf(flags: readonly string[], objects: string): Promise<void> {
  const note = join(objects, "flags");
  if (existsSync(note) && readFileSync(note, "utf8") === flags.join("\n")) return;
  rmSync(objects, { recursive: true, force: true });
  mkdirSync(objects, { recursive: true });
  await writeFileAtomic(note, flags.join("\n"));
}

/** Gives the name by which the sources include what they all need of LibTorch. */
async function precompileHeaders(flags: readonly string[], objects: string): Promise<string> {
  const header = join(objects, "precompiled.h");
  if (modified(`${header}.gch`) >= modified(join(sources, "libtorch.h"))) return header;
  console.log("compiling LibTorch's headers");
  await writeFileAtomic(header, '#include "libtorch.h"\n');
  await compile([...flags, "-I", sources, "-x", "c++-header", "-o", `${header}.gch`, header]);
  return header;
}

/** Compiles what has changed into `objects`, and links `addon`. */
export async function compileAddon(libtorch: LibTorch, { jobs, sanitize }: CompileOptions, objects: string, addon: string): Promise<void> {
  const flags = compilerFlags(libtorch, sanitize);
  await keepObjectsOf(flags, objects);
  const header = await precompileHeaders(flags, objects);
  const files = readdirSync(sources, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".cc"));
  const objectOf = (file: string) => join(objects, `${file.replaceAll("/", "-").replace(/\.cc$/, "")}.o`);
  const stale = files.filter((file) => !isFresh(objectOf(file), join(sources, file)));
  await inParallel(jobs, stale.map((file) => async () => {
    console.log(`compiling ${file}`);
    const own = ["-I", sources, "-include", header, "-MMD", "-c", "-o", objectOf(file)];
    await compile([...flags, ...own, join(sources, file)]);
  }));
  // Under another name until it is whole: a program may be starting with the last one.
  await compile([...files.map(objectOf), ...linkerFlags(libtorch, sanitize), "-o", `${addon}.partial`]);
  renameSync(`${addon}.partial`, addon);
}
