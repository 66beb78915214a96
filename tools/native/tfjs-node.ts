// The sources of @tensorflow/tfjs-node, and its kernels as one module. The package itself is not installed: its install
// script downloads a TensorFlow of 2022, and its front door loads all of TF.js, which replaces our gradients.
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { build, type Options } from "tsup";
import { InputError } from "@dinov2/foundation";
import { unpackNpmPackage } from "../npm-package.ts";

/** The one that goes with our tfjs-core. */
export const tfjsNodeVersion = "4.22.0";

const spec = `@tensorflow/tfjs-node@${tfjsNodeVersion}`;
const getOnce = `npm install --ignore-scripts --no-save ${spec}`;

function installedSources(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-node/package.json"));
  } catch {
    return undefined;
  }
}

/** The folder of the sources: those of the installed package, else of one unpacked in `folder`. */
export function tfjsNodeSources(folder: string): string {
  const sources = installedSources() ?? unpackNpmPackage(spec, folder, `where its registry is in reach, \`${getOnce}\` gets it`);
  const { version } = JSON.parse(readFileSync(join(sources, "package.json"), "utf8")) as { version: string };
  if (version === tfjsNodeVersion) return sources;
  throw new InputError(`@tensorflow/tfjs-node ${version} is installed, but our tfjs-core needs ${tfjsNodeVersion}: \`${getOnce}\``);
}

/** What the kernels require, and the module that answers. */
const answers: readonly (readonly [RegExp, string])[] = [
  // They use nothing of TF.js but its core, and must register in the one that the program uses.
  [/^@tensorflow\/tfjs(-core)?$/, 'export * from "@tensorflow/tfjs-core";'],
  // Node 23 removed these two.
  [/^util$/, "export const isArray = Array.isArray; export const isNullOrUndefined = (value) => value == null;"],
  [/^os$/, 'export { endianness } from "node:os";'],
  // Messages for TensorBoard.
  [/\/proto\/api_pb$/, "export {};"],
];

const answerRequires: NonNullable<Options["esbuildPlugins"]>[number] = {
  name: "answer-requires",
  setup({ onResolve, onLoad }) {
    answers.forEach(([filter, contents], i) => {
      const namespace = `answer-${i}`;
      onResolve({ filter, namespace: "file" }, () => ({ path: String(filter), namespace }));
      onResolve({ filter: /.*/, namespace }, ({ path }) => ({ path, external: true }));
      onLoad({ filter: /.*/, namespace }, () => ({ contents }));
    });
  },
};

/** Writes `kernels.js` into `folder`: the class of the backend, and its kernels, which register when the module loads. */
export async function bundleKernels(sources: string, folder: string, work: string): Promise<void> {
  const entry = join(work, "kernels.mjs");
  const [register, backend] = ["register_all_kernels.js", "nodejs_kernel_backend.js"].map((name) => JSON.stringify(join(sources, "dist", name)));
  writeFileSync(entry, `import ${register};\nexport { NodeJSKernelBackend } from ${backend};\n`);
  await build({
    entry: { kernels: entry },
    outDir: folder,
    format: "esm",
    platform: "node",
    target: "node20",
    esbuildPlugins: [answerRequires],
    config: false,
    clean: false,
    silent: true,
  });
}
