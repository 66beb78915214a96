// `npm run build:tensorflow`: the backend "tensorflow" on the TensorFlow of this machine. tfjs-node's addon is compiled against it,
// tfjs-node's kernels become one module, and both go to packages/tensor/build/tensorflow, from where
// packages/tensor/src/tensorflow/build.ts loads them.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { InputError, writeFileAtomic } from "@dinov2/foundation";
import { findTensorFlow, type TensorFlow } from "./find-tensorflow.ts";
import { bundleKernels, tfjsNodeSources, tfjsNodeVersion } from "./tfjs-node.ts";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const folder = join(root, "packages/tensor/build/tensorflow");
const addon = join(folder, "tfjs_binding.node");
/** Says that a build is whole: it goes first and comes last. */
const record = join(folder, "build.json");

function compile(output: string, args: readonly string[]): void {
  const flags = ["-std=c++17", "-O2", "-fPIC", "-shared", "-DNAPI_VERSION=8", "-isystem", join(root, "node_modules/node-api-headers/include")];
  const { error, status, stderr } = spawnSync(process.env["CXX"] ?? "g++", [...flags, ...args, "-o", output], { encoding: "utf8" });
  if (error) throw new InputError("No C++ compiler is here: `apt-get install g++` gets one, or name one in CXX.");
  if (status !== 0) throw new Error(`The compiler failed on ${relative(root, output)}:\n${stderr}`);
}

function compileAddon(sources: string, { include, libraries }: TensorFlow): void {
  const files = ["tfjs_backend.cc", "tfjs_binding.cc"].map((name) => join(sources, "binding", name));
  compile(addon, ["-isystem", include, ...files, ...libraries, `-Wl,-rpath,${dirname(libraries[0]!)}`]);
  compile(join(folder, "stderr.node"), [join(root, "tools/native/stderr.cc")]);
}

/** Loads the addon in a process of its own, which a wrong build could take down, and asks which TensorFlow it got. */
function versionOfAddon(): string {
  const script = "process.stdout.write(require(process.argv[1]).TF_Version)";
  const { status, stdout, stderr } = spawnSync(process.execPath, ["-e", script, addon], { encoding: "utf8" });
  if (status !== 0) throw new Error(`The addon was built and does not load: ${stderr.split("\n").find((line) => line.includes("Error")) ?? stderr}`);
  return stdout;
}

async function build(tensorflow: TensorFlow, work: string): Promise<void> {
  const sources = tfjsNodeSources(work);
  mkdirSync(folder, { recursive: true });
  rmSync(record, { force: true });
  compileAddon(sources, tensorflow);
  await bundleKernels(sources, folder, work);
  const version = versionOfAddon();
  await writeFileAtomic(record, JSON.stringify({ version, tfjsNode: tfjsNodeVersion, libraries: tensorflow.libraries }, null, 2));
  console.log(`built with TensorFlow ${version} and tfjs-node ${tfjsNodeVersion}: ${relative(root, addon)}`);
}

const work = mkdtempSync(join(tmpdir(), "dinov2-tensorflow-"));
try {
  if (process.platform !== "linux") throw new InputError(`Backend "tensorflow" is built on Linux only, not on ${process.platform}.`);
  const tensorflow = findTensorFlow();
  console.log(`TensorFlow from ${tensorflow.source}: ${tensorflow.folder}`);
  await build(tensorflow, work);
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = error instanceof InputError ? 2 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}
