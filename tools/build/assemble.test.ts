import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { assembleKernels, generatedPath, kernelModules } from "./assemble.ts";

describe("the committed wasm kernels", () => {
  it.each(kernelModules)("of $sources are what their sources compile to", async (module) => {
    expect(await assembleKernels(module)).toBe(await readFile(generatedPath(module), "utf8"));
  });
});
