// Where LibTorch is on this machine: `LIBTORCH`, the torch of the active python3, Debian's or Ubuntu's libtorch-dev.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "@dinov2/foundation";

export interface LibTorch {
  /** How it was found, for people. */
  readonly source: string;
  readonly folder: string;
  readonly include: readonly string[];
  readonly lib: string;
  readonly version: string;
  readonly cuda: boolean;
}

const getOne = "get one with `apt-get install libtorch-dev` or `pip install torch`, or name a folder in LIBTORCH";

/** Where the headers of the releases so far define their version. */
const versionHeaders = ["torch/headeronly/version.h", "torch/csrc/api/include/torch/version.h", "torch/version.h"];

function versionOf(include: string): string | undefined {
  for (const file of versionHeaders.map((header) => join(include, header)).filter(existsSync)) {
    const text = readFileSync(file, "utf8");
    const parts = ["MAJOR", "MINOR", "PATCH"].map((part) => text.match(new RegExp(`#define TORCH_VERSION_${part} (\\d+)`))?.[1]);
    if (!parts.includes(undefined)) return parts.join(".");
  }
  return undefined;
}

/** LibTorch in `folder` (with include/ and lib/), or undefined when headers or libraries are not there. */
function inFolder(folder: string, lib: string, source: string): LibTorch | undefined {
  const include = join(folder, "include");
  const version = existsSync(join(include, "ATen/ATen.h")) ? versionOf(include) : undefined;
  if (version === undefined || !existsSync(join(lib, "libtorch_cpu.so"))) return undefined;
  const api = join(include, "torch/csrc/api/include");
  return {
    source,
    folder: realpathSync(folder),
    include: [include, ...(existsSync(api) ? [api] : [])],
    lib,
    version,
    cuda: existsSync(join(lib, "libtorch_cuda.so")),
  };
}

function fromEnvironment(): LibTorch | undefined {
  const folder = process.env["LIBTORCH"] || undefined;
  if (folder === undefined) return undefined;
  const found = inFolder(folder, join(folder, "lib"), "LIBTORCH") ?? inDebian(folder, "LIBTORCH");
  if (found) return found;
  throw new InputError(`LIBTORCH=${folder} holds no LibTorch: include/ATen/ATen.h and lib/libtorch_cpu.so were expected.`);
}

/** Asks python3 where torch is, without importing it. */
function fromPython(): LibTorch | undefined {
  const script = "import importlib.util as u; s = u.find_spec('torch'); print(s.submodule_search_locations[0] if s else '')";
  const { status, stdout } = spawnSync("python3", ["-c", script], { encoding: "utf8" });
  const folder = stdout?.trim() ?? "";
  return status === 0 && folder !== "" ? inFolder(folder, join(folder, "lib"), "the torch of python3") : undefined;
}

/** A distribution's package: headers in PREFIX/include, libraries in PREFIX/lib/<architecture>. */
function inDebian(prefix: string, source: string): LibTorch | undefined {
  const libraries = join(prefix, "lib");
  if (!existsSync(libraries)) return undefined;
  const folders = readdirSync(libraries).filter((name) => name.endsWith("-linux-gnu")).map((name) => join(libraries, name));
  return folders.map((lib) => inFolder(prefix, lib, source)).find((found) => found !== undefined);
}

/** @throws InputError with the one command that gets a LibTorch when none is there */
export function findLibTorch(): LibTorch {
  const found = fromEnvironment() ?? fromPython() ?? inDebian("/usr", "libtorch-dev");
  if (found) return found;
  throw new InputError(`No LibTorch is here: ${getOne}.`);
}
