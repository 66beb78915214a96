// `npm run build:tensorflow`: the backend "tensorflow" on the TensorFlow of this machine. tfjs-node's addon is compiled against it,
// tfjs-node's kernels become one module, and both go to packages/tensor/build/tensorflow, from where
// packages/tensor/src/tensorflow/build.ts loads them.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError } from "@dinov2/foundation";
import { findTensorFlow, type TensorFlow } from "./find-tensorflow.ts";
import { bundleKernels, tfjsNodeSources, tfjsNodeVersion } from "./tfjs-node.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const builds = join(root, "packages/tensor/build");
const home = join(builds, "tensorflow");

function compile(output: string, args: readonly string[]): void {
  const flags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", "-isystem", join(root, "node_modules/node-api-headers/include")];
  const { error, status, stderr } = spawnSync(process.env["CXX"] ?? "g++", [...flags, ...args, "-o", output], { encoding: "utf8" });
  if (error) throw new InputError("No C++ compiler is here: `apt-get install g++` gets one, or name one in CXX.");
  if (status !== 0) throw new Error(`The compiler failed on ${relative(root, output)}:\n${stderr}`);
}

function compileAddon(addon: string, sources: string, { include, libraries }: TensorFlow): void {
  const files = ["tfjs_backend.cc", "tfjs_binding.cc"].map((name) => join(sources, "binding", name));
  compile(addon, ["-isystem", include, ...files, ...libraries, `-Wl,-rpath,${dirname(libraries[0]!)}`]);
}

/** Loads the addon in a process of its own, which a wrong build could take down, and asks which TensorFlow it got. */
function versionOf(addon: string): string {
  const script = "process.stdout.write(require(process.argv[1]).TF_Version)";
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", script, addon], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The addon was built and does not load: ${stderr.split("\n").find((line) => line.includes("Error")) ?? stderr}`);
  return stdout;
}

/** Fills the folder `output`, and gives TensorFlow's version. */
async function build(tensorflow: TensorFlow, work: string, output: string): Promise<string> {
  const sources = tfjsNodeSources(work);
  const addon = join(output, "tfjs_binding.node");
  compileAddon(addon, sources, tensorflow);
  compile(join(output, "stderr.node"), [join(root, "tools/native/stderr.cc")]);
  await bundleKernels(sources, output, work);
  const version = versionOf(addon);
  writeFileSync(join(output, "build.json"), JSON.stringify({ version, tfjsNode: tfjsNodeVersion, libraries: tensorflow.libraries }, null, 2));
  return version;
}

/** A build takes the place of the last one when it is whole, and never under a program that runs that one. */
async function replaceBuild(tensorflow: TensorFlow): Promise<string> {
  mkdirSync(builds, { recursive: true });
  const work = mkdtempSync(join(builds, ".tensorflow-"));
  try {
    const output = join(work, "output");
    mkdirSync(output);
    const version = await build(tensorflow, work, output);
    rmSync(home, { recursive: true, force: true });
    renameSync(output, home);
    return version;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

try {
  if (process.platform !== "linux") throw new InputError(`Backend "tensorflow" is built on Linux only, not on ${process.platform}.`);
  const tensorflow = findTensorFlow();
  console.log(`TensorFlow from ${tensorflow.source}: ${tensorflow.folder}`);
  const start = performance.now();
  const version = await replaceBuild(tensorflow);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(`built the backend with TensorFlow ${version} and tfjs-node ${tfjsNodeVersion} in ${seconds} s: ${relative(root, home)}`);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof InputError ? 2 : 1;
}
