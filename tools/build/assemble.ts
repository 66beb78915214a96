// Compiles packages/tensor/assembly into packages/tensor/src/wasm/kernels.generated.ts: the kernels of the
// wasm backend in base64, in two builds, without and with fused multiply-add (relaxed SIMD). Run it with
// `npm run build:kernels` after a change of the sources; a test compares what is committed.
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";
import { writeFileAtomic } from "@dinov2/foundation";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const sourceFolder = join(root, "packages/tensor/assembly");
export const generatedFile = join(root, "packages/tensor/src/wasm/kernels.generated.ts");

// The module lives on TF.js' heap: no runtime and no static data of its own, a shared memory from outside.
const options = [
  "index.ts", "--outFile", "kernels.wasm", "-O3", "--noAssert", "--runtime", "stub",
  "--enable", "simd", "--enable", "threads", "--importMemory", "--noExportMemory",
  "--sharedMemory", "--initialMemory", "1", "--maximumMemory", "65536",
  // 112: a function between files takes a vector, which JavaScript could not call; none does.
  "--disableWarning", "112",
];

async function compile(sources: ReadonlyMap<string, string>, extra: readonly string[]): Promise<Uint8Array> {
  let binary: Uint8Array | undefined;
  const { error, stderr } = await main([...options, ...extra], {
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
export async function assembleKernels(): Promise<string> {
  const names = (await readdir(sourceFolder)).filter((name) => name.endsWith(".ts"));
  const sources = new Map<string, string>();
  for (const name of names) sources.set(name, await readFile(join(sourceFolder, name), "utf8"));
  const plain = await compile(sources, []);
  const fused = await compile(sources, ["--enable", "relaxed-simd"]);
  const base64 = (binary: Uint8Array) => Buffer.from(binary).toString("base64");
  return [
    "// Made by tools/build/assemble.ts from packages/tensor/assembly; do not edit.",
    `export const plainKernels =\n  "${base64(plain)}";`,
    `export const fusedMultiplyAddKernels =\n  "${base64(fused)}";`,
    "",
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await writeFileAtomic(generatedFile, await assembleKernels());
  console.log(`Wrote ${generatedFile}`);
}
