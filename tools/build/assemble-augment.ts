// Compiles packages/data/assembly into packages/data/src/augment/kernels.generated.ts: the pixel kernels of the
// augmentation, in base64. Run it (`node --import tsx tools/build/assemble-augment.ts`) after a change of the sources; a test
// compares what is committed.
import { readFile, readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { main } from "assemblyscript/asc";

const root = resolve(fileURLToPath(import.meta.url), "../../..");
const sourceFolder = join(root, "packages/data/assembly");
export const generatedFile = join(root, "packages/data/src/augment/kernels.generated.ts");

const options = [
  "index.ts", "--outFile", "kernels.wasm", "-O3", "--noAssert", "--runtime", "stub", "--enable", "simd",
  // 112: a function between files takes a vector, which JavaScript could not call; none does.
  "--disableWarning", "112",
];

/** The text of the generated file, from the sources as they are. */
export async function assembleAugmentKernels(): Promise<string> {
  const sources = new Map<string, string>();
  for (const name of await readdir(sourceFolder)) sources.set(name, await readFile(join(sourceFolder, name), "utf8"));
  let binary: Uint8Array | undefined;
  const { error, stderr } = await main(options, {
    readFile: (name) => sources.get(name) ?? null,
    writeFile: (_name, content) => {
      binary = content as Uint8Array;
    },
    listFiles: () => [...sources.keys()],
  });
  if (error !== null || binary === undefined) throw new Error(`The kernels do not compile:\n${stderr.toString()}`);
  const base64 = Buffer.from(binary).toString("base64");
  return `// Made by tools/build/assemble-augment.ts from packages/data/assembly; do not edit.\nexport const kernels =\n  "${base64}";\n`;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { writeFileAtomic } = await import("@dinov2/foundation");
  await writeFileAtomic(generatedFile, await assembleAugmentKernels());
  console.log(`Wrote ${generatedFile}`);
}
