// Compiles the AssemblyScript of each package that has some into `kernels.generated.ts`: its kernels in base64, one
// constant per build. Run it with `npm run build:kernels` after a change of the sources; a test compares what is committed.
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";
import { writeFileAtomic } from "@dinov2/foundation";

const root = resolve(fileURLToPath(import.meta.url), "../../..");

export interface KernelModule {
  /** The folder with `index.ts`, and the file to write; from the root of the repository. */
  readonly sources: string;
  readonly generated: string;
  /** Name of each constant, and the compiler's options for it. */
  readonly builds: Readonly<Record<string, readonly string[]>>;
}

// It lives on TF.js' heap: no static data of its own, a shared memory from outside.
const onForeignHeap = [
  "--enable", "threads", "--importMemory", "--noExportMemory",
  "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536",
];

export const kernelModules: readonly KernelModule[] = [
  {
    sources: "packages/tensor/assembly",
    generated: "packages/tensor/src/wasm/kernels.generated.ts",
    // Without and with fused multiply-add (relaxed SIMD).
    builds: {
      plainKernels: onForeignHeap,
      fusedMultiplyAddKernels: [...onForeignHeap, "--enable", "relaxed-simd"],
    },
  },
  {
    sources: "packages/data/assembly",
    generated: "packages/data/src/augment/kernels.generated.ts",
    builds: { kernels: [] },
  },
];

const commonOptions = [
  "index.ts", "--outFile", "kernels.wasm", "-O3", "--noAssert", "--runtime", "stub", "--enable", "simd",
  // 112: a function between files takes a vector, which JavaScript could not call; none does.
  "--disableWarning", "112",
];

async function compile(sources: ReadonlyMap<string, string>, options: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await main([...commonOptions, ...options], {
    readFile: (name) => sources.get(name) ?? null,
    writeFile: (_name, content) => {
      binary = content as Uint8Array;
    },
    listFiles: () => [...sources.keys()],
  });
  if (error !== null || binary === undefined) throw new Error(`The kernels do not compile:\n${stderr.toString()}`);
  return binary;
}

/** The text of the generated file, from the sources as they are. */
export async function assembleKernels({ sources: folder, builds }: KernelModule): Promise<string> {
  const names = (await readdir(join(root, folder))).filter((name) => name.endsWith(".ts"));
  const sources = new Map<string, string>();
  for (const name of names) sources.set(name, await readFile(join(root, folder, name), "utf8"));
  const constants: string[] = [];
  for (const [name, options] of Object.entries(builds)) {
    const base64 = Buffer.from(await compile(sources, options)).toString("base64");
    constants.push(`export const ${name} =\n  "${base64}";`);
  }
  return [`// Made by tools/build/assemble.ts from ${folder}; do not edit.`, ...constants, ""].join("\n");
}

/** Full name of the file that a module's kernels are committed in. */
export const generatedPath = ({ generated }: KernelModule): string => join(root, generated);

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const module of kernelModules) {
    await writeFileAtomic(generatedPath(module), await assembleKernels(module));
    console.log(`Wrote ${module.generated}`);
  }
}
