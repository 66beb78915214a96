// Where TensorFlow is on this machine: `TENSORFLOW`, else the tensorflow of the active python3. Nothing of it is loaded here.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { InputError } from "@dinov2/foundation";

export interface TensorFlow {
  /** How it was found, for people. */
  readonly source: string;
  readonly folder: string;
  readonly include: string;
  /** Full names of what an addon links. */
  readonly libraries: readonly string[];
}

const getOne = "python3 -m pip install tensorflow_cpu";

const header = "include/tensorflow/c/eager/c_api.h";

/** The libraries in a Python package, and in the archive that TensorFlow publishes for C. */
const layouts = [
  ["libtensorflow_cc.so.2", "libtensorflow_framework.so.2"],
  ["lib/libtensorflow.so.2", "lib/libtensorflow_framework.so.2"],
] as const;

function inFolder(folder: string, source: string): TensorFlow {
  const isThere = (file: string) => existsSync(join(folder, file));
  const names = layouts.find((files) => files.every(isThere));
  if (names !== undefined && isThere(header)) {
    return { source, folder, include: join(folder, "include"), libraries: names.map((name) => join(folder, name)) };
  }
  throw new InputError(
    `${source}, ${folder}, is not a TensorFlow to build with: ${header} and ${layouts[0][0]} were expected in it, ` +
      `as pip installs them; get one with \`${getOne}\`.`,
  );
}

/** Asks python3 where tensorflow is, without importing it. From the root, since Python also looks in the working folder. */
function pythonPackage(env: NodeJS.ProcessEnv): string | undefined {
  const script = "import importlib.util as u; s = u.find_spec('tensorflow'); print(s.submodule_search_locations[0] if s else '')";
  const { status, stdout } = spawnSync("python3", ["-c", script], { env, cwd: "/", encoding: "utf8" });
  return status === 0 ? stdout.trim() || undefined : undefined;
}

/** @throws InputError with the one command that gets a TensorFlow when none is there */
export function findTensorFlow(env: NodeJS.ProcessEnv = process.env): TensorFlow {
  if (env["TENSORFLOW"]) return inFolder(resolve(env["TENSORFLOW"]), "TENSORFLOW");
  const folder = pythonPackage(env);
  if (folder !== undefined) return inFolder(folder, "the tensorflow of python3");
  throw new InputError(`No TensorFlow is here: get one with \`${getOne}\`, or name its folder in TENSORFLOW.`);
}
